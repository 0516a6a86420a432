#include "drift/score.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace joey::drift {
namespace {

// What an empty bin counts as, for the logarithm of PSI.
constexpr double kEmptyFraction = 0.005;

double Psi(double baseline, double window) {
  if (baseline == 0) baseline = kEmptyFraction;
  if (window == 0) window = kEmptyFraction;
  return (window - baseline) * std::log(window / baseline);
}

// The bin's share of the divergence, in bits.
double JensenShannon(double baseline, double window) {
  const double middle = (baseline + window) / 2;
  const auto part = [middle](double p) { return p == 0 ? 0.0 : p * std::log2(p / middle) / 2; };
  return part(baseline) + part(window);
}

double ScoreBin(const Summarizer& summarizer, double baseline, double window) {
  if (summarizer.metric == Metric::kJensenShannon) return JensenShannon(baseline, window);
  if (summarizer.metric == Metric::kPsi && summarizer.aggregation == Aggregation::kDensity) {
    return Psi(baseline, window);
  }
  return std::abs(window - baseline);
}

}  // namespace

Score Compare(const Summarizer& summarizer, const Summary& baseline, const Summary& window) {
  Score out;
  for (std::size_t i = 0; i < baseline.aggregated.size(); ++i) {
    out.scores.push_back(ScoreBin(summarizer, baseline.aggregated[i], window.aggregated[i]));
  }
  if (summarizer.weights) {
    const auto& weights = *summarizer.weights;
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (std::size_t i = 0; i < out.scores.size(); ++i) out.scores[i] *= weights[i] / total;
  }
  const double sum = std::accumulate(out.scores.begin(), out.scores.end(), 0.0);
  switch (summarizer.metric) {
    case Metric::kPsi:
      out.score = sum;
      break;
    case Metric::kSumDiff:
      out.score = sum / 2;
      break;
    case Metric::kMaxDiff: {
      const auto largest = std::max_element(out.scores.begin(), out.scores.end());
      out.score = *largest;
      out.index = largest - out.scores.begin();
      break;
    }
    case Metric::kJensenShannon:
      out.score = std::sqrt(std::max(sum, 0.0));
      break;
  }
  return out;
}

}  // namespace joey::drift
