// Wall-clock times as the API shows them: UTC with microseconds.
#pragma once

#include <cstdint>
#include <string>

namespace joey {

// Microseconds since 1970-01-01 UTC.
std::int64_t NowMicros();

// "2026-11-24T09:00:00.123456+00:00"
std::string FormatMicros(std::int64_t micros);

}  // namespace joey
