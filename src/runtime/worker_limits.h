// Limits of workers that load, convert and serve uploaded models (docs/models.md).
#pragma once

#include <cstdint>

namespace joey::limits {

inline constexpr int kEnvironmentSecondsMax = 1800;  // to download and install one
inline constexpr int kConversionSecondsMax = 300;    // of one converter process
inline constexpr std::int64_t kConversionMemoryBytesMax = std::int64_t{6} << 30;
inline constexpr int kModelSecondsMax = 60;        // for one request to a worker
inline constexpr int kModelStartSecondsMax = 120;  // until a worker has loaded its model
inline constexpr std::int64_t kModelTmpBytesMax = std::int64_t{1} << 30;  // of a worker's /tmp
inline constexpr std::size_t kRequirementsBytesMax = 64 << 10;            // a user's requirements
inline constexpr std::size_t kRequirementsMax = 200;                      // lines of them

}  // namespace joey::limits
