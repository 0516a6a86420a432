// How far a window is from its baseline (docs/assays.md says what each metric means).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "drift/summary.h"

namespace joey::drift {

struct Score {
  double score = 0;
  std::vector<double> scores;         // of each bin
  std::optional<std::int64_t> index;  // of MaxDiff: the bin with the largest one
};

// Of summaries with the same number of bins.
Score Compare(const Summarizer& summarizer, const Summary& baseline, const Summary& window);

}  // namespace joey::drift
