#include "data/number_list.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace joey {

namespace {

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t kExactIntegerMax = std::uint64_t{1} << 53;

bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

const char* SkipSpace(const char* p) {
  while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') ++p;
  return p;
}

std::uint64_t Load8(const char* p) {
  std::uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

// Whether all eight bytes are ASCII digits.
bool AreDigits(std::uint64_t bytes) {
  return ((bytes & 0xF0F0F0F0F0F0F0F0) |
          (((bytes + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) == 0x3333333333333333;
}

// The number that eight ASCII digits write; little-endian machines only.
std::uint32_t EightDigits(std::uint64_t bytes) {
  bytes -= 0x3030303030303030;
  bytes = (bytes * 10) + (bytes >> 8);
  return static_cast<std::uint32_t>((((bytes & 0x000000FF000000FF) * 0x000F424000000064) +
                                     (((bytes >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >>
                                    32);
}

// Digits into `mantissa`; the place behind the last one.
const char* Digits(const char* p, std::uint64_t& mantissa) {
  if constexpr (std::endian::native == std::endian::little) {
    for (std::uint64_t bytes = Load8(p); AreDigits(bytes); bytes = Load8(p)) {
      mantissa = mantissa * 100'000'000 + EightDigits(bytes);
      p += 8;
    }
  }
  while (IsDigit(*p)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*p++ - '0');
  return p;
}

// One JSON number at `p`; the place behind it, or null.
const char* Number(const char* p, double& out) {
  const char* begin = p;
  bool negative = *p == '-';
  if (negative) ++p;
  const char* digits = p;
  std::uint64_t mantissa = 0;
  p = Digits(p, mantissa);
  std::ptrdiff_t count = p - digits;
  if (count == 0 || (*digits == '0' && count > 1)) return nullptr;
  std::int64_t exponent = 0;
  if (*p == '.') {
    const char* fraction = ++p;
    p = Digits(p, mantissa);
    if (p == fraction) return nullptr;
    exponent = fraction - p;
    count += p - fraction;
  }
  if (*p == 'e' || *p == 'E') {
    ++p;
    bool down = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    const char* start = p;
    std::int64_t written = 0;
    while (IsDigit(*p)) {
      if (written < 100000) written = written * 10 + (*p - '0');
      ++p;
    }
    if (p == start) return nullptr;
    exponent += down ? -written : written;
  }
  // Both the mantissa and the power of ten are exact doubles, so one operation rounds once
  // (W. D. Clinger, "How to read floating point numbers accurately", 1990).
  if (count <= 19 && mantissa <= kExactIntegerMax && exponent >= -22 && exponent <= 22) {
    auto value = static_cast<double>(mantissa);
    value = exponent < 0 ? value / kPowersOfTen[-exponent] : value * kPowersOfTen[exponent];
    out = negative ? -value : value;
    return p;
  }
  auto [stop, error] = std::from_chars(begin, p, out);
  // Too small for a double is zero; too large is no finite number.
  if (error == std::errc::result_out_of_range && exponent < 0 && std::abs(out) < 1) {
    out = negative ? -0.0 : 0.0;
    return p;
  }
  return error == std::errc() && stop == p && std::isfinite(out) ? p : nullptr;
}

}  // namespace

const char* ParseNumberList(const char* begin, std::vector<double>& out) {
  const std::size_t before = out.size();
  const char* p = SkipSpace(begin + 1);
  if (*p == ']') return p + 1;
  for (;;) {
    double value;
    p = Number(p, value);
    if (p == nullptr) break;
    out.push_back(value);
    if (*p != ',' && *p != ']') p = SkipSpace(p);
    if (*p == ']') return p + 1;
    if (*p != ',') break;
    ++p;
    if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') p = SkipSpace(p);
  }
  out.resize(before);
  return nullptr;
}

}  // namespace joey
