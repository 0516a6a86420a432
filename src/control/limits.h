// Limits of workspaces, connections and tags (docs/workspaces.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace joey::control {

inline constexpr std::size_t kConnectionTypeBytesMax = 63;
inline constexpr std::size_t kConnectionDetailsBytesMax = 64 * 1024;  // as JSON
inline constexpr std::size_t kTagBytesMax = 255;
inline constexpr std::size_t kSearchTermBytesMax = 255;

inline constexpr std::size_t kInferenceAccessEntriesMax = 10000;
inline constexpr std::int64_t kInferenceAccessMillis = 2000;  // then it is looked up again

}  // namespace joey::control
