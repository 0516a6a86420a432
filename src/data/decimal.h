// The double nearest to a decimal number, without long arithmetic.
//
// D. Lemire, "Number Parsing at a Gigabyte per Second", Software: Practice and Experience 51
// (2021), and for why no second look is needed: N. Mushtak, D. Lemire, "Fast Number Parsing Without
// Fallback" (2023).
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace joey {

// The powers of ten for which 5^|exponent| fits 64 bits.
inline constexpr int kDecimalExponentMax = 27;

namespace decimal {

using Wide = unsigned __int128;

struct Power {
  std::uint64_t high;
  std::uint64_t low;
};

// 5^exponent scaled by a power of two to 128 bits with the highest one set; rounded up where it is
// no integer.
constexpr Power PowerOfFive(int exponent) {
  std::uint64_t power = 1;
  for (int i = 0; i < (exponent < 0 ? -exponent : exponent); ++i) power *= 5;
  if (exponent >= 0) return {power << std::countl_zero(power), 0};
  // floor(2^(bits + 127) / power) + 1, where 2^(bits - 1) < power < 2^bits, by long division.
  const int bits = 64 - std::countl_zero(power);
  Wide rest = (Wide{1} << bits) - power;  // the first digit of the quotient is 1
  std::uint64_t quotient[2] = {1, 0};
  for (int digit = 1; digit < 128; ++digit) {
    rest <<= 1;
    const bool one = rest >= power;
    if (one) rest -= power;
    quotient[digit / 64] = quotient[digit / 64] << 1 | static_cast<std::uint64_t>(one);
  }
  if (++quotient[1] == 0) ++quotient[0];
  return {quotient[0], quotient[1]};
}

struct Powers {
  std::array<Power, 2 * kDecimalExponentMax + 1> table{};
  constexpr Powers() {
    for (int i = -kDecimalExponentMax; i <= kDecimalExponentMax; ++i) {
      table[static_cast<std::size_t>(i + kDecimalExponentMax)] = PowerOfFive(i);
    }
  }
};
inline constexpr Powers kPowers;

}  // namespace decimal

// The double nearest to mantissa * 10^exponent, ties to even. `mantissa` is not 0, `exponent` is
// between -kDecimalExponentMax and kDecimalExponentMax.
inline double DecimalToDouble(std::uint64_t mantissa, int exponent) {
  const decimal::Power& power =
      decimal::kPowers.table[static_cast<std::size_t>(exponent + kDecimalExponentMax)];
  const int zeros = std::countl_zero(mantissa);
  const std::uint64_t shifted = mantissa << zeros;
  const decimal::Wide product = decimal::Wide{shifted} * power.high;
  auto high = static_cast<std::uint64_t>(product >> 64);
  auto low = static_cast<std::uint64_t>(product);
  // Only where the bits below a double's are all ones can the lower half of the power carry.
  if ((high & 0x1FF) == 0x1FF) {
    const decimal::Wide second = decimal::Wide{shifted} * power.low;
    low += static_cast<std::uint64_t>(second >> 64);
    if (low < static_cast<std::uint64_t>(second >> 64)) ++high;
  }
  const int top = static_cast<int>(high >> 63);
  const int drop = top + 9;  // leaves 54 bits: those of a double and one to round by
  std::uint64_t bits = high >> drop;
  // 217706 / 2^16 is log2(10) as far as these exponents need it.
  int binary = ((217706 * exponent) >> 16) + 63 + top - zeros + 1023;
  // Exactly between two doubles is possible only for these exponents.
  if (low <= 1 && exponent >= -4 && exponent <= 23 && (bits & 3) == 1 && bits << drop == high) {
    bits &= ~std::uint64_t{1};
  }
  bits = (bits + (bits & 1)) >> 1;
  if (bits >= std::uint64_t{1} << 53) {
    bits = std::uint64_t{1} << 52;
    ++binary;
  }
  bits = (bits & ~(std::uint64_t{1} << 52)) | static_cast<std::uint64_t>(binary) << 52;
  return std::bit_cast<double>(bits);
}

}  // namespace joey
