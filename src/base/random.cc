#include "base/random.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>

#include "base/hex.h"

namespace joey {
namespace {

std::string RandomBytes(std::size_t bytes) {
  std::string out(bytes, '\0');
  // Without randomness every secret would be guessable: nothing sensible can go on.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(bytes)) != 1) {
    std::abort();
  }
  return out;
}

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string NewUuid() {
  std::string bytes = RandomBytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);  // version 4
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);  // RFC 4122 variant
  std::string out = ToHex(bytes);
  for (std::size_t position : {8, 13, 18, 23}) out.insert(position, 1, '-');
  return out;
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsLowerHex(text[i])) return false;
  }
  return true;
}

std::string RandomHex(std::size_t bytes) { return ToHex(RandomBytes(bytes)); }

}  // namespace joey
