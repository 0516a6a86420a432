#include "drift/statistics.h"

#include <algorithm>
#include <cmath>

namespace joey::drift {
namespace {

// Sums blocks plainly and the blocks with compensation: fast, and as exact as what is added.
template <typename Term>
double Sum(std::span<const double> values, Term term) {
  constexpr std::size_t kBlock = 128;
  double sum = 0;
  double lost = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    double block = 0;
    const std::size_t end = std::min(begin + kBlock, values.size());
    for (std::size_t i = begin; i < end; ++i) block += term(values[i]);
    const double next = sum + block;
    lost += std::abs(sum) >= std::abs(block) ? (sum - next) + block : (block - next) + sum;
    sum = next;
  }
  return sum + lost;
}

double Median(std::span<double> values) {
  const std::size_t upper = values.size() / 2;
  if (values.size() % 2 == 1) {
    SelectRanks(values, {&upper, 1});
    return values[upper];
  }
  const std::size_t ranks[] = {upper - 1, upper};
  SelectRanks(values, ranks);
  return values[upper - 1] / 2 + values[upper] / 2;
}

}  // namespace

void SelectRanks(std::span<double> values, std::span<const std::size_t> ranks) {
  // `first` is the rank of values.front(): the parts left of and right of the middle rank are
  // selected by themselves.
  const auto select = [](auto self, std::span<double> part, std::size_t first,
                         std::span<const std::size_t> wanted) -> void {
    if (wanted.empty() || part.empty()) return;
    const std::size_t middle = wanted.size() / 2;
    const std::size_t at = wanted[middle] - first;
    std::nth_element(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(at), part.end());
    auto left = wanted.first(middle);
    while (!left.empty() && left.back() == wanted[middle]) left = left.first(left.size() - 1);
    auto right = wanted.subspan(middle + 1);
    while (!right.empty() && right.front() == wanted[middle]) right = right.subspan(1);
    self(self, part.first(at), first, left);
    self(self, part.subspan(at + 1), first + at + 1, right);
  };
  select(select, values, 0, ranks);
}

Result<Statistics> Describe(std::span<double> values) {
  Statistics out;
  out.count = static_cast<std::int64_t>(values.size());
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  out.min = *low;
  out.max = *high;
  const double count = static_cast<double>(values.size());
  out.mean = Sum(values, [](double value) { return value; }) / count;
  const double mean = out.mean;
  out.std = std::sqrt(Sum(values, [mean](double v) { return (v - mean) * (v - mean); }) / count);
  out.median = Median(values);
  if (std::isfinite(out.mean) && std::isfinite(out.std)) return out;
  return InvalidArgument("the values are too large for a mean and a standard deviation",
                         "an assay takes numbers up to about 1e150");
}

}  // namespace joey::drift
