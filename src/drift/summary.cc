#include "drift/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace joey::drift {
namespace {

std::vector<double> Fractions(const std::vector<std::int64_t>& counts, std::int64_t count) {
  std::vector<double> out;
  for (const std::int64_t n : counts) {
    out.push_back(static_cast<double>(n) / static_cast<double>(count));
  }
  return out;
}

// `own_edges` are those that the values themselves would make.
std::vector<double> Aggregate(Aggregation aggregation, std::span<const double> edges,
                              std::vector<double> own_edges, std::span<const double> values,
                              const Statistics& statistics) {
  if (aggregation == Aggregation::kEdges) {
    own_edges.push_back(0);
    return own_edges;
  }
  auto counts = CountBins(edges, values, statistics.min);
  if (aggregation == Aggregation::kCumulative) {
    for (std::size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
  }
  return Fractions(counts, statistics.count);
}

Status NoValues() {
  return InvalidArgument("there are no values to summarise",
                         "widen the time range, or infer some data first");
}

}  // namespace

Status CheckSummarizer(const Summarizer& summarizer) {
  JOEY_RETURN_IF_ERROR(CheckBinning(summarizer.binning));
  if (summarizer.aggregation == Aggregation::kEdges &&
      summarizer.binning.mode == BinMode::kProvided) {
    return InvalidArgument("the aggregation Edges compares edges that data makes",
                           "use the bin mode Quantile or Equal");
  }
  if (summarizer.aggregation != Aggregation::kDensity &&
      summarizer.metric == Metric::kJensenShannon) {
    return InvalidArgument("the metric JensenShannon compares distributions",
                           "use the aggregation Density");
  }
  if (!summarizer.weights) return {};
  const auto& weights = *summarizer.weights;
  if (weights.size() != summarizer.binning.total()) {
    return InvalidArgument(
        fmt::format("{} bin weights for {} bins", weights.size(), summarizer.binning.total()),
        "give one for each bin, the left and the right outliers included");
  }
  double sum = 0;
  for (const double weight : weights) {
    if (!(weight >= 0))
      return InvalidArgument("a bin weight is below 0", "use 0 to leave a bin out");
    sum += weight;
  }
  if (sum > 0 && std::isfinite(sum)) return {};
  return InvalidArgument("the bin weights have no sum above 0", "give one bin a weight above 0");
}

Result<Summary> SummarizeBaseline(const Summarizer& summarizer, std::span<double> values) {
  if (values.empty()) return NoValues();
  Summary out;
  JOEY_ASSIGN_OR_RETURN(out.statistics, Describe(values));
  JOEY_ASSIGN_OR_RETURN(out.edges, MakeEdges(summarizer.binning, values, out.statistics));
  out.edge_names = BaselineEdgeNames(summarizer.binning.mode, out.edges);
  out.aggregation = summarizer.aggregation;
  out.aggregated = Aggregate(out.aggregation, out.edges, out.edges, values, out.statistics);
  return out;
}

Result<Summary> SummarizeWindow(const Summarizer& summarizer, const Summary& baseline,
                                std::span<double> values) {
  if (values.empty()) return NoValues();
  Summary out;
  JOEY_ASSIGN_OR_RETURN(out.statistics, Describe(values));
  out.edges = baseline.edges;
  out.edge_names = WindowEdgeNames(out.edges);
  out.aggregation = summarizer.aggregation;
  std::vector<double> own;
  if (out.aggregation == Aggregation::kEdges) {
    JOEY_ASSIGN_OR_RETURN(own, MakeEdges(summarizer.binning, values, out.statistics));
  }
  out.aggregated = Aggregate(out.aggregation, out.edges, std::move(own), values, out.statistics);
  return out;
}

}  // namespace joey::drift
