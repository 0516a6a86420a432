#include "data/number_list.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "data/decimal.h"

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

// The number that eight digits (0 to 9, not ASCII) write; little-endian machines only.
std::uint64_t EightDigits(std::uint64_t digits) {
  digits = (digits * 10) + (digits >> 8);
  return (((digits & 0x000000FF000000FF) * 0x000F424000000064) +
          (((digits >> 16) & 0x000000FF000000FF) * 0x0000271000000001)) >>
             32 &
         0xFFFFFFFF;
}

constexpr std::uint64_t kTens[] = {1, 10, 100, 1000, 10'000, 100'000, 1'000'000, 10'000'000};

// Digits into `mantissa`; the place behind the last one. Numbers differ in length, so that a branch
// per digit would be mispredicted at nearly every one: eight are looked at together.
inline const char* Digits(const char* p, std::uint64_t& mantissa) {
  if constexpr (std::endian::native == std::endian::little) {
    for (;;) {
      const std::uint64_t digits = Load8(p) ^ 0x3030303030303030;
      // The high bit of each byte that is above 9. A carry only reaches bytes behind the first one.
      const std::uint64_t others = ((digits + 0x7676767676767676) | digits) & 0x8080808080808080;
      if (others == 0) {
        mantissa = mantissa * 100'000'000 + EightDigits(digits);
        p += 8;
        continue;
      }
      const int count = std::countr_zero(others) >> 3;
      // Leading zeros take the place of what is not there; shifted twice as 64 is no shift.
      const std::uint64_t shifted = digits << 1 << (63 - 8 * count);
      mantissa = mantissa * kTens[count] + EightDigits(shifted);
      return p + count;
    }
  } else {
    while (IsDigit(*p)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*p++ - '0');
    return p;
  }
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
  if (count <= 19 && mantissa != 0 && exponent >= -kDecimalExponentMax &&
      exponent <= kDecimalExponentMax) {
    const double value = DecimalToDouble(mantissa, static_cast<int>(exponent));
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

#if defined(__AVX2__)

// For a token without its sign, `whole` digits, then perhaps a point, `size` characters in all:
// moves its digits to the end of 16 bytes, zeros in front.
struct Alignments {
  // [whole][size]; 0x80 gives zero
  std::array<std::array<std::array<std::uint8_t, 16>, 17>, 17> table{};
  constexpr Alignments() {
    for (int whole = 0; whole <= 16; ++whole) {
      for (int size = 0; size <= 16; ++size) {
        auto& control = table[static_cast<std::size_t>(whole)][static_cast<std::size_t>(size)];
        control.fill(0x80);
        int to = 15;
        for (int from = size - 1; from >= 0; --from) {
          if (from == whole) continue;  // the point
          control[static_cast<std::size_t>(to--)] = static_cast<std::uint8_t>(from);
        }
      }
    }
  }
};
constexpr Alignments kAlignments;

// What 16 digits (0 to 9, not ASCII) write.
inline std::uint64_t SixteenDigits(__m128i digits) {
  const __m128i twos = _mm_maddubs_epi16(
      digits, _mm_setr_epi8(10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1));
  const __m128i fours = _mm_madd_epi16(twos, _mm_setr_epi16(100, 1, 100, 1, 100, 1, 100, 1));
  const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours),
                                        _mm_setr_epi16(10000, 1, 10000, 1, 10000, 1, 10000, 1));
  const auto both = static_cast<std::uint64_t>(_mm_cvtsi128_si64(eights));
  return (both & 0xFFFFFFFF) * 100'000'000 + (both >> 32);
}

inline __m128i DigitsAt(const char* p) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm_sub_epi8(text, _mm_set1_epi8('0'));
}

// The digits of `size` <= 16 characters at `p`, `whole` of them before the point.
inline std::uint64_t AlignedDigits(const char* p, int whole, int size) {
  const __m128i control = _mm_loadu_si128(reinterpret_cast<const __m128i*>(
      kAlignments.table[static_cast<std::size_t>(whole)][static_cast<std::size_t>(size)].data()));
  return SixteenDigits(_mm_shuffle_epi8(DigitsAt(p), control));
}

// A plain decimal number of at most 31 characters at `p`, with ',' or ']' right behind it: the
// place of that, or null where it is anything else. The length comes from one comparison of 32
// bytes, so that the next number does not wait for this one's value.
inline const char* PlainNumber(const char* p, double& out) {
  const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const auto mask = [&](__m256i equal) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(equal));
  };
  const std::uint32_t ends = mask(_mm256_or_si256(_mm256_cmpeq_epi8(text, _mm256_set1_epi8(',')),
                                                  _mm256_cmpeq_epi8(text, _mm256_set1_epi8(']'))));
  if (ends == 0) return nullptr;
  const int length = std::countr_zero(ends);
  const int sign = *p == '-' ? 1 : 0;
  const int size = length - sign;
  if (size < 1) return nullptr;
  const __m256i digits = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
  const std::uint32_t is_digit =
      mask(_mm256_cmpeq_epi8(_mm256_min_epu8(digits, _mm256_set1_epi8(9)), digits));
  const std::uint32_t token =
      ((std::uint32_t{1} << length) - 1) & ~static_cast<std::uint32_t>(sign);
  const std::uint32_t others = ~is_digit & token;
  int whole = size;
  if (others != 0) {
    const int point = std::countr_zero(others);
    whole = point - sign;
    // One point, not first and not last.
    if ((others & (others - 1)) != 0 || p[point] != '.' || whole == 0 || point == length - 1) {
      return nullptr;
    }
  }
  if (whole > 1 && p[sign] == '0') return nullptr;
  std::uint64_t mantissa;
  if (size <= 16) {
    mantissa = AlignedDigits(p + sign, whole, size);
  } else {
    // As floats are written by most clients: 17 digits, and the point near the front.
    const int front = size - 16;
    if (front > 16 || (others != 0 && whole >= front)) return nullptr;
    const std::uint64_t high = AlignedDigits(p + sign, std::min(whole, front), front);
    if (high >= 1844) return nullptr;  // mantissas of more than 64 bits
    mantissa = high * 10'000'000'000'000'000 + SixteenDigits(DigitsAt(p + sign + front));
  }
  const int fraction = others == 0 ? 0 : size - whole - 1;
  if (fraction > 22) return nullptr;
  // By size, not by mantissa: in lists of floats that are written whole the one is much the same,
  // on which side of 2^53 the other is nobody can predict.
  double value;
  if (size <= 16 && mantissa <= kExactIntegerMax) {
    value = static_cast<double>(mantissa) / kPowersOfTen[fraction];
  } else {
    if (mantissa == 0) return nullptr;
    value = DecimalToDouble(mantissa, -fraction);
  }
  // Nor can the sign be predicted: no branch on it.
  out = std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) | static_cast<std::uint64_t>(sign)
                                                                        << 63);
  return p + length;
}

#else

inline const char* PlainNumber(const char*, double&) { return nullptr; }

#endif

}  // namespace

const char* ParseNumberList(const char* begin, std::vector<double>& out) {
  const std::size_t before = out.size();
  std::array<double, 64> values;  // handed over in pieces
  std::size_t count = 0;
  const char* p = SkipSpace(begin + 1);
  if (*p == ']') return p + 1;
  for (;;) {
    double value;
    const char* end = PlainNumber(p, value);
    if (end == nullptr) {
      end = Number(p, value);
      if (end == nullptr) break;
      if (*end != ',' && *end != ']') end = SkipSpace(end);
    }
    p = end;
    values[count++] = value;
    if (count == values.size() || *p == ']') {
      out.insert(out.end(), values.data(), values.data() + count);
      count = 0;
    }
    if (*p == ']') return p + 1;
    if (*p != ',') break;
    ++p;
    if (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') p = SkipSpace(p);
  }
  out.resize(before);
  return nullptr;
}

}  // namespace joey
