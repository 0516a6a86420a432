#include "data/decimal.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <random>
#include <string>

namespace joey {
namespace {

double Expected(std::uint64_t mantissa, int exponent) {
  const std::string text = std::to_string(mantissa) + "e" + std::to_string(exponent);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void Check(std::uint64_t mantissa, int exponent) {
  if (mantissa == 0) return;
  ASSERT_EQ(DecimalToDouble(mantissa, exponent), Expected(mantissa, exponent))
      << mantissa << "e" << exponent;
}

TEST(Decimal, AnyMantissaWithAnyExponent) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2'000'000; ++i) {
    const int exponent = static_cast<int>(random() % (2 * kDecimalExponentMax + 1));
    Check(random() >> random() % 64, exponent - kDecimalExponentMax);
  }
}

TEST(Decimal, BetweenTwoDoubles) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 500'000; ++i) {
    // A number of 54 bits whose last one is set lies exactly between two doubles.
    const std::uint64_t middle = random() >> 10 | std::uint64_t{1} << 53 | 1;
    for (std::uint64_t mantissa = middle - 1; mantissa <= middle + 1; ++mantissa) {
      Check(mantissa, 0);
      Check(mantissa << random() % 11, 0);
    }
    std::uint64_t five = 1;
    for (int power = 1; power <= 4; ++power) {
      five *= 5;
      // middle / 10^power * 10^power, written with the power of five taken out
      Check(random() % (std::uint64_t{1} << 54) / five * five, -power);
      Check((middle >> 11) * five, -power);
    }
  }
}

TEST(Decimal, PowersAndTheirNeighbours) {
  for (int exponent = -kDecimalExponentMax; exponent <= kDecimalExponentMax; ++exponent) {
    for (int bit = 0; bit < 64; ++bit) {
      const std::uint64_t power = std::uint64_t{1} << bit;
      for (const std::uint64_t mantissa : {power - 1, power, power + 1}) Check(mantissa, exponent);
    }
    for (std::uint64_t ten = 1; ten < std::uint64_t{10'000'000'000'000'000'000U}; ten *= 10) {
      for (const std::uint64_t mantissa : {ten - 1, ten, ten + 1}) Check(mantissa, exponent);
      if (ten == 1'000'000'000'000'000'000U) break;
    }
  }
}

}  // namespace
}  // namespace joey
