// A baseline or a window, summarised: statistics, and what falls into which bin.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "drift/bins.h"
#include "drift/statistics.h"

namespace joey::drift {

enum class Aggregation { kDensity, kCumulative, kEdges };
enum class Metric { kPsi, kMaxDiff, kSumDiff, kJensenShannon };

struct Summarizer {
  Binning binning;
  Aggregation aggregation = Aggregation::kDensity;
  Metric metric = Metric::kPsi;
  std::optional<std::vector<double>> weights;  // one a bin, those for outliers included
};

// InvalidArgument unless all fits together.
Status CheckSummarizer(const Summarizer& summarizer);

struct Summary {
  Statistics statistics;
  std::vector<double> edges;  // of the baseline; the right outliers' one, infinity, left out
  std::vector<std::string> edge_names;  // one a bin, as the next
  std::vector<double> aggregated;
  Aggregation aggregation = Aggregation::kDensity;
  std::optional<std::int64_t> start;  // microseconds
  std::optional<std::int64_t> end;
};

// InvalidArgument without values. Changes their order.
Result<Summary> SummarizeBaseline(const Summarizer& summarizer, std::span<double> values);
Result<Summary> SummarizeWindow(const Summarizer& summarizer, const Summary& baseline,
                                std::span<double> values);

}  // namespace joey::drift
