// The numbers, against recorded ones and against sorting.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "drift/config.h"
#include "drift/score.h"

namespace joey::drift {
namespace {

using nlohmann::json;

std::vector<double> Random(std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(100, 15);
  std::vector<double> out(count);
  for (double& value : out) value = normal(random);
  return out;
}

Summary OfFractions(const std::vector<std::int64_t>& counts, bool cumulative) {
  const double total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0L));
  Summary out;
  double sum = 0;
  for (const std::int64_t count : counts) {
    sum = cumulative ? sum + static_cast<double>(count) : static_cast<double>(count);
    out.aggregated.push_back(sum / total);
  }
  return out;
}

TEST(Statistics, AreThoseOfSortedValues) {
  for (const std::size_t count : {1u, 2u, 3u, 10u, 501u, 1000u}) {
    auto values = Random(count);
    auto sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const Statistics s = *Describe(values);
    EXPECT_EQ(s.min, sorted.front());
    EXPECT_EQ(s.max, sorted.back());
    EXPECT_DOUBLE_EQ(s.median, (sorted[(count - 1) / 2] + sorted[count / 2]) / 2);
    const double mean =
        std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(count);
    EXPECT_NEAR(s.mean, mean, 1e-12 * mean);
    double squares = 0;
    for (const double v : sorted) squares += (v - mean) * (v - mean);
    EXPECT_NEAR(s.std, std::sqrt(squares / static_cast<double>(count)), 1e-10);
  }
}

TEST(Statistics, TooLargeIsRefused) {
  std::vector<double> values = {1e308, 1e308, -1e308};
  EXPECT_EQ(Describe(values).status().code(), Code::kInvalidArgument);
}

TEST(Statistics, RanksOfRepeatedAndAllValues) {
  std::vector<double> values = {5, 1, 4, 1, 3, 1, 2, 9};
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> all = {0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 7};
  SelectRanks(values, all);
  EXPECT_EQ(values, sorted);
}

TEST(Bins, QuantileRanksRoundHalfUp) {
  // q = 0.5 of 501 values is the 251st: recorded.
  std::vector<double> values(501);
  std::iota(values.begin(), values.end(), 1.0);
  std::shuffle(values.begin(), values.end(), std::mt19937(3));
  const Statistics statistics = *Describe(values);
  EXPECT_EQ(*MakeEdges({BinMode::kQuantile, 2, {}}, values, statistics),
            (std::vector<double>{1, 251, 501}));
  EXPECT_EQ(*MakeEdges({BinMode::kQuantile, 5, {}}, values, statistics),
            (std::vector<double>{1, 100, 200, 301, 401, 501}));
}

TEST(Bins, MoreBinsThanValues) {
  std::vector<double> values = {2, 1};
  const Summary summary = *SummarizeBaseline({{BinMode::kQuantile, 5, {}}, {}, {}, {}}, values);
  EXPECT_EQ(summary.edges.size(), 6u);
  EXPECT_DOUBLE_EQ(std::accumulate(summary.aggregated.begin(), summary.aggregated.end(), 0.0), 1.0);
}

TEST(Bins, EveryValueFallsIntoOneBin) {
  const std::vector<double> edges = {0, 1, 2};
  const std::vector<double> values = {-1, 0, 0.5, 1, 1.5, 2, 2.5};
  EXPECT_EQ(CountBins(edges, values, -1), (std::vector<std::int64_t>{1, 3, 2, 1}));
}

TEST(Bins, AllAtOrAboveTheLastEdgeAreOutliers) {
  const std::vector<double> edges = {0, 1, 2};
  EXPECT_EQ(CountBins(edges, std::vector<double>{2, 3}, 2),
            (std::vector<std::int64_t>{0, 0, 0, 2}));
  EXPECT_EQ(CountBins(edges, std::vector<double>{1, 2}, 1),
            (std::vector<std::int64_t>{0, 1, 1, 0}));
  // Data that never changes has not drifted.
  const std::vector<double> constant = {7, 7, 7};
  EXPECT_EQ(CountBins(constant, std::vector<double>{7, 7}, 7),
            (std::vector<std::int64_t>{0, 2, 0, 0}));
}

TEST(Bins, Names) {
  const std::vector<double> edges = {12, 12.6, 1514079, -0.00123};
  EXPECT_EQ(BaselineEdgeNames(BinMode::kEqual, edges),
            (std::vector<std::string>{"left_outlier", "p_1.26e1", "p_1.51e6", "p_-1.23e-3",
                                      "right_outlier"}));
  EXPECT_EQ(BaselineEdgeNames(BinMode::kQuantile, std::vector<double>{0, 1, 2}),
            (std::vector<std::string>{"left_outlier", "q_50", "q_100", "right_outlier"}));
  EXPECT_EQ(BaselineEdgeNames(BinMode::kQuantile, edges)[1], "q_33.33");
  EXPECT_EQ(WindowEdgeNames(std::vector<double>{0, 400000})[1], "e_4.00e5");
}

TEST(Bins, ProvidedEdges) {
  std::vector<double> values = {3, 7};
  const Statistics statistics = *Describe(values);
  EXPECT_EQ(*MakeEdges({BinMode::kProvided, 2, {5, 9}}, values, statistics),
            (std::vector<double>{3, 5, 9}));
  EXPECT_EQ(*MakeEdges({BinMode::kProvided, 2, {0, 5, 9}}, values, statistics),
            (std::vector<double>{0, 5, 9}));
  EXPECT_FALSE(MakeEdges({BinMode::kProvided, 2, {2, 9}}, values, statistics).ok());
  EXPECT_FALSE(CheckBinning({BinMode::kProvided, 2, {5}}).ok());
  EXPECT_FALSE(CheckBinning({BinMode::kProvided, 2, {5, 5}}).ok());
  EXPECT_FALSE(CheckBinning({BinMode::kQuantile, 0, {}}).ok());
}

// The guide's own run (L9620 …), whose bin counts are known.
TEST(Score, OfTheGuide) {
  const std::vector<std::int64_t> baseline = {0, 102, 98, 102, 99, 100, 0};
  const std::vector<std::int64_t> window = {0, 136, 224, 197, 219, 224, 0};
  const auto score = [&](Metric metric, Aggregation aggregation) {
    const bool cumulative = aggregation == Aggregation::kCumulative;
    return Compare({{}, aggregation, metric, {}}, OfFractions(baseline, cumulative),
                   OfFractions(window, cumulative));
  };
  const Score psi = score(Metric::kPsi, Aggregation::kDensity);
  EXPECT_NEAR(psi.score, 0.0363497101644573, 1e-12);
  EXPECT_NEAR(psi.scores[1], 0.027271477163285655, 1e-12);
  EXPECT_FALSE(psi.index);
  const Score largest = score(Metric::kMaxDiff, Aggregation::kDensity);
  EXPECT_NEAR(largest.score, 0.06759281437125747, 1e-12);
  EXPECT_EQ(largest.index, 1);
  EXPECT_NEAR(score(Metric::kSumDiff, Aggregation::kDensity).score, 0.07418562874251496, 1e-12);
  EXPECT_NEAR(score(Metric::kPsi, Aggregation::kCumulative).score, 0.17698802395209584, 1e-12);
}

TEST(Score, WeightsAndEmptyBins) {
  const Summary all_in_first = OfFractions({1, 0}, false);
  const Summary all_in_second = OfFractions({0, 1}, false);
  Summarizer summarizer;
  summarizer.metric = Metric::kPsi;
  const double each = (1 - 0.005) * std::log(1 / 0.005);
  EXPECT_NEAR(Compare(summarizer, all_in_first, all_in_second).score, 2 * each, 1e-12);
  summarizer.weights = {{3, 1}};
  const Score weighted = Compare(summarizer, all_in_first, all_in_second);
  EXPECT_NEAR(weighted.scores[0], each * 0.75, 1e-12);
  EXPECT_NEAR(weighted.scores[1], each * 0.25, 1e-12);
  summarizer.weights.reset();
  summarizer.metric = Metric::kJensenShannon;
  EXPECT_NEAR(Compare(summarizer, all_in_first, all_in_second).score, 1.0, 1e-12);
  EXPECT_EQ(Compare(summarizer, all_in_first, all_in_first).score, 0.0);
}

TEST(Score, AWindowLikeItsBaselineIsNear) {
  auto baseline = Random(20000, 1);
  auto same = Random(20000, 2);
  auto shifted = Random(20000, 3);
  for (double& value : shifted) value += 10;
  for (const Metric metric :
       {Metric::kPsi, Metric::kMaxDiff, Metric::kSumDiff, Metric::kJensenShannon}) {
    for (const BinMode mode : {BinMode::kQuantile, BinMode::kEqual, BinMode::kNone}) {
      const Summarizer summarizer = {{mode, 5, {}}, Aggregation::kDensity, metric, {}};
      const Summary summary = *SummarizeBaseline(summarizer, baseline);
      const double near =
          Compare(summarizer, summary, *SummarizeWindow(summarizer, summary, same)).score;
      const double far =
          Compare(summarizer, summary, *SummarizeWindow(summarizer, summary, shifted)).score;
      EXPECT_GE(near, 0);
      if (mode != BinMode::kNone) {
        EXPECT_LT(near * 5, far);
      }
    }
  }
}

TEST(Score, OfEdges) {
  const Summarizer summarizer = {{}, Aggregation::kEdges, Metric::kMaxDiff, {}};
  std::vector<double> values = Random(1000);
  const Summary baseline = *SummarizeBaseline(summarizer, values);
  for (double& value : values) value += 3;
  const Score score = Compare(summarizer, baseline, *SummarizeWindow(summarizer, baseline, values));
  EXPECT_NEAR(score.score, 3, 1e-9);
  EXPECT_EQ(score.scores.back(), 0);
}

TEST(Config, IoPath) {
  const IoPath path = *ParseIoPath("output house value 12");
  EXPECT_FALSE(path.input);
  EXPECT_EQ(path.field, "house value");
  EXPECT_EQ(path.index, 12);
  EXPECT_TRUE(ParseIoPath("input tensor 0")->input);
  for (const char* bad : {"", "output", "output 0", "output  0", "out x 0", "output x -1",
                          "output x 0.5", "output x 99999999999999999999"}) {
    EXPECT_FALSE(ParseIoPath(bad).ok()) << bad;
  }
}

json AssayDocument() {
  std::vector<double> values = Random(100);
  json summary = ToJson(*SummarizeBaseline({}, values));
  return {{"name", "a"},
          {"pipeline_id", 1},
          {"baseline", {{"static", summary}}},
          {"window",
           {{"pipeline_name", "p"},
            {"model_name", "m"},
            {"path", "output y 0"},
            {"width", "24 hours"},
            {"interval", nullptr},
            {"start", nullptr},
            {"locations", json::array()}}},
          {"summarizer", ToJson(Summarizer())},
          {"warning_threshold", nullptr},
          {"alert_threshold", 0.25},
          {"run_until", nullptr}};
}

TEST(Config, AnAssay) {
  const Assay assay = *ParseAssay(AssayDocument());
  EXPECT_EQ(assay.window.width, std::int64_t{24} * 3600 * 1'000'000);
  EXPECT_EQ(assay.window.interval, assay.window.width);
  EXPECT_EQ(ToJson(assay.baseline), AssayDocument()["baseline"]["static"]);
}

TEST(Config, EveryKeyIsChecked) {
  for (const char* pointer :
       {"/name", "/pipeline_id", "/baseline/static/count", "/baseline/static/edges",
        "/baseline/static/edge_names", "/baseline/static/aggregated_values",
        "/baseline/static/aggregation", "/window/path", "/window/width", "/window/model_name",
        "/summarizer/type", "/summarizer/metric", "/summarizer/num_bins", "/alert_threshold"}) {
    for (const json& bad : {json(json::array({"x"})), json("no"), json(nullptr), json(-1.5)}) {
      json document = AssayDocument();
      if (bad.is_string() && document[json::json_pointer(pointer)].is_string() &&
          (std::string(pointer) == "/name" || std::string(pointer) == "/window/model_name")) {
        continue;
      }
      if (bad.is_number() && std::string(pointer) == "/alert_threshold") continue;
      document[json::json_pointer(pointer)] = bad;
      EXPECT_EQ(ParseAssay(document).status().code(), Code::kInvalidArgument)
          << pointer << " " << bad;
    }
  }
  json other_bins = AssayDocument();
  other_bins["summarizer"]["num_bins"] = 10;
  EXPECT_FALSE(ParseAssay(other_bins).ok());
}

}  // namespace
}  // namespace joey::drift
