// CRC-32C (Castagnoli), the checksum of what Joey appends to files.
#pragma once

#include <cstdint>
#include <string_view>

namespace joey {

// The checksum of the bytes whose checksum is `before`, followed by `bytes`. Uses the processor's
// own instruction where it has one.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace joey
