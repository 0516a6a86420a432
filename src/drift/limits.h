// Limits of this layer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace joey::drift {

inline constexpr std::int64_t kBinsMax = 1000;
inline constexpr std::size_t kValuesMax = 40'000'000;  // of one baseline or window, in memory
inline constexpr std::size_t kAnalysesMax = 10'000;    // of one interactive run or one answer
inline constexpr std::size_t kAssayNameBytesMax = 200;
inline constexpr std::size_t kBaselineBytesMax = 64 << 20;  // body of a request with an array
inline constexpr std::int64_t kWidthMicrosMax = std::int64_t{366} * 24 * 3600 * 1'000'000;
// After the end of a window, so that engines have shipped its rows when it is analysed.
inline constexpr std::int64_t kGraceMicros = 2'000'000;
// After a start: rows that engines kept while the server was away come first.
inline constexpr int kStartSeconds = 5;
inline constexpr int kScheduleSecondsMax = 2;  // between two looks at the clock

}  // namespace joey::drift
