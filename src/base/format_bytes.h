// Amounts of memory for people.
#pragma once

#include <cstdint>
#include <string>

namespace joey {

// "512 bytes", "2.0 GiB"
std::string FormatBytes(std::int64_t bytes);

}  // namespace joey
