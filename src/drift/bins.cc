#include "drift/bins.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "drift/limits.h"

namespace joey::drift {
namespace {

// "1.26e1": two digits behind the point, an exponent without zeros and plus sign.
std::string Short(double value) {
  std::string text = fmt::format("{:.2e}", value);
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;
  const int exponent = std::stoi(text.substr(e + 1));
  return text.substr(0, e + 1) + std::to_string(exponent);
}

// "q_20": the percentage, with two digits where it is none.
std::string QuantileName(std::size_t number, std::size_t bins) {
  if (number * 100 % bins == 0) return fmt::format("q_{}", number * 100 / bins);
  return fmt::format("q_{:.2f}", 100.0 * static_cast<double>(number) / static_cast<double>(bins));
}

std::vector<double> QuantileEdges(std::int64_t bins, std::span<double> values, double min) {
  // Rank round(i / bins * N) - 1, half up, in whole numbers; the first edge is the minimum.
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<std::size_t> ranks;
  for (std::int64_t i = 1; i <= bins; ++i) {
    const std::int64_t rank = (2 * i * count + bins) / (2 * bins);
    ranks.push_back(static_cast<std::size_t>(std::max<std::int64_t>(rank, 1) - 1));
  }
  SelectRanks(values, ranks);
  std::vector<double> edges = {min};
  for (const std::size_t rank : ranks) edges.push_back(values[rank]);
  return edges;
}

std::vector<double> EqualEdges(std::int64_t bins, const Statistics& statistics) {
  const double step = (statistics.max - statistics.min) / static_cast<double>(bins);
  std::vector<double> edges;
  for (std::int64_t i = 0; i < bins; ++i) {
    edges.push_back(statistics.min + static_cast<double>(i) * step);
  }
  edges.push_back(statistics.max);
  return edges;
}

Result<std::vector<double>> ProvidedEdges(const Binning& binning, const Statistics& statistics) {
  std::vector<double> edges = binning.provided;
  if (edges.size() == static_cast<std::size_t>(binning.bins) + 1) return edges;
  if (statistics.min >= edges.front()) {
    return InvalidArgument(
        fmt::format(
            "the first bin would be empty: it begins at the smallest value of the baseline, "
            "{}, and ends at {}",
            statistics.min, edges.front()),
        "provide the lower edge of the first bin too");
  }
  edges.insert(edges.begin(), statistics.min);
  return edges;
}

std::vector<std::string> Names(std::span<const double> edges, auto name) {
  std::vector<std::string> out = {"left_outlier"};
  for (std::size_t i = 1; i < edges.size(); ++i) out.push_back(name(i));
  out.emplace_back("right_outlier");
  return out;
}

}  // namespace

Status CheckBinning(const Binning& binning) {
  if (binning.bins < 1 || binning.bins > kBinsMax) {
    return InvalidArgument(fmt::format("{} is no number of bins", binning.bins),
                           fmt::format("num_bins is a whole number from 1 to {}", kBinsMax));
  }
  if (binning.mode != BinMode::kProvided) return {};
  const auto bins = static_cast<std::size_t>(binning.bins);
  if (binning.provided.size() != bins && binning.provided.size() != bins + 1) {
    return InvalidArgument(
        fmt::format("{} provided edges do not make {} bins", binning.provided.size(), bins),
        "provide the upper edge of each bin, and if wanted the lower one of the first; set the "
        "number of bins with add_num_bins()");
  }
  for (std::size_t i = 0; i < binning.provided.size(); ++i) {
    if (!std::isfinite(binning.provided[i]) ||
        (i > 0 && binning.provided[i] <= binning.provided[i - 1])) {
      return InvalidArgument("the provided edges do not ascend",
                             "sort them and drop repeated ones");
    }
  }
  return {};
}

Result<std::vector<double>> MakeEdges(const Binning& binning, std::span<double> values,
                                      const Statistics& statistics) {
  switch (binning.mode) {
    case BinMode::kNone:
      return std::vector<double>{statistics.min, statistics.max};
    case BinMode::kEqual:
      return EqualEdges(binning.bins, statistics);
    case BinMode::kQuantile:
      return QuantileEdges(binning.bins, values, statistics.min);
    case BinMode::kProvided:
      return ProvidedEdges(binning, statistics);
  }
  return Internal("no such bin mode");
}

std::vector<std::string> BaselineEdgeNames(BinMode mode, std::span<const double> edges) {
  if (mode == BinMode::kQuantile) {
    return Names(edges, [&](std::size_t i) { return QuantileName(i, edges.size() - 1); });
  }
  if (mode == BinMode::kEqual) {
    return Names(edges, [&](std::size_t i) { return "p_" + Short(edges[i]); });
  }
  return WindowEdgeNames(edges);
}

std::vector<std::string> WindowEdgeNames(std::span<const double> edges) {
  return Names(edges, [&](std::size_t i) { return "e_" + Short(edges[i]); });
}

std::vector<std::int64_t> CountBins(std::span<const double> edges, std::span<const double> values,
                                    double min) {
  std::vector<std::int64_t> counts(edges.size() + 1);
  if (min >= edges.back() && edges.front() < edges.back()) {
    counts.back() = static_cast<std::int64_t>(values.size());
    return counts;
  }
  for (const double value : values) {
    const auto place = std::lower_bound(edges.begin(), edges.end(), value) - edges.begin();
    ++counts[static_cast<std::size_t>(place)];
  }
  // Counted by the first edge at or above the value: those at the lowest edge are none below it.
  const auto at_lowest = std::count(values.begin(), values.end(), edges.front());
  counts[0] -= at_lowest;
  counts[1] += at_lowest;
  return counts;
}

}  // namespace joey::drift
