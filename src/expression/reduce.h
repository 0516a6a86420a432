// Many values to one: what the aggregates of columns and of lists share.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace joey::expression {

// The smallest or largest of `count` values; NaN only when there is nothing else. `valid` may be
// null. Nothing when all are null.
template <typename T, bool kMax>
std::optional<T> Extreme(const T* values, const std::uint8_t* valid, std::int64_t count) {
  std::optional<T> best;
  for (std::int64_t i = 0; i < count; ++i) {
    if (valid != nullptr && valid[i] == 0) continue;
    T value = values[i];
    if constexpr (std::is_floating_point_v<T>) {
      if (!best || std::isnan(*best)) {
        best = value;
        continue;
      }
    } else if (!best) {
      best = value;
      continue;
    }
    if (kMax ? value > *best : value < *best) best = value;
  }
  return best;
}

// Floats are summed as float64 and rounded once; integers wrap around.
template <typename T>
using SumOf = std::conditional_t<std::is_floating_point_v<T>, double,
                                 std::conditional_t<(sizeof(T) < 4), std::int64_t, T>>;

template <typename T>
SumOf<T> Total(const T* values, const std::uint8_t* valid, std::int64_t count) {
  if constexpr (std::is_floating_point_v<T>) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      if (valid == nullptr || valid[i] != 0) sum += static_cast<double>(values[i]);
    }
    return sum;
  } else {
    std::uint64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      if (valid == nullptr || valid[i] != 0) sum += static_cast<std::uint64_t>(values[i]);
    }
    return static_cast<SumOf<T>>(sum);
  }
}

// As polars before 0.20 sums lists: in the values' own precision.
template <typename T>
T NarrowTotal(const T* values, const std::uint8_t* valid, std::int64_t count) {
  T sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (valid == nullptr || valid[i] != 0) sum += values[i];
  }
  return sum;
}

inline std::int64_t CountValid(const std::uint8_t* valid, std::int64_t count) {
  if (valid == nullptr) return count;
  std::int64_t out = 0;
  for (std::int64_t i = 0; i < count; ++i) out += valid[i];
  return out;
}

template <typename T>
std::optional<double> Average(const T* values, const std::uint8_t* valid, std::int64_t count) {
  std::int64_t valid_count = CountValid(valid, count);
  if (valid_count == 0) return std::nullopt;
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (valid == nullptr || valid[i] != 0) sum += static_cast<double>(values[i]);
  }
  return sum / static_cast<double>(valid_count);
}

}  // namespace joey::expression
