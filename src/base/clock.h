// Wall-clock times as the API shows them, UTC with microseconds; how long something took.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace joey {

// Microseconds since 1970-01-01 UTC.
std::int64_t NowMicros();

// Since `start`, which is not in the future.
inline std::uint64_t NanosSince(std::chrono::steady_clock::time_point start) {
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  return static_cast<std::uint64_t>(took.count());
}

// "2026-11-24T09:00:00.123456+00:00"
std::string FormatMicros(std::int64_t micros);

// The reverse, of years 1 to 9999: ISO 8601 with a zone ("Z", "+02:00"), the fraction of a second
// may have 0 to 9 digits or be missing. InvalidArgument otherwise.
Result<std::int64_t> ParseMicros(std::string_view text);

}  // namespace joey
