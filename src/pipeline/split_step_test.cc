#include "pipeline/split_step.h"

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "pipeline/pipeline_test_support.h"

namespace joey {
namespace {

std::unique_ptr<SplitStep> Split(std::vector<double> weights, std::string key,
                                 std::vector<std::string> outputs = {}) {
  PlanNode node;
  node.kind = NodeKind::kRandomSplit;
  node.weights = weights;
  node.key = std::move(key);
  std::vector<ModelRunner> models;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    std::string name = "m" + std::to_string(i);
    models.push_back(Runner(name, std::make_shared<ConstantModel>(
                                      static_cast<float>(i), outputs.empty() ? "y" : outputs[i])));
  }
  return std::make_unique<SplitStep>(node, std::move(models));
}

TEST(UnitHash, IsFixedAndEven) {
  // Computed by hand: an engine of a later release must send a key to the same model.
  EXPECT_DOUBLE_EQ(UnitHash("session-1"), 0.5609938213330858);
  std::map<int, int> counts;
  for (int i = 0; i < 10000; ++i) ++counts[static_cast<int>(UnitHash(std::to_string(i)) * 10)];
  for (const auto& [bin, count] : counts) EXPECT_NEAR(count, 1000, 120) << bin;
}

TEST(SplitStep, WeightsHoldAndNoughtIsNeverChosen) {
  const auto split = Split({2, 0, 1}, "");
  const auto rows = Rows({{"x", 1}});
  std::map<std::size_t, int> counts;
  for (int i = 0; i < 6000; ++i) ++counts[split->Run(rows, rows)->choice.model];
  EXPECT_EQ(counts[1], 0);
  // Five standard deviations of a binomial distribution.
  EXPECT_NEAR(counts[0], 4000, 5 * std::sqrt(6000 * 2.0 / 9));
}

TEST(SplitStep, AKeyMeetsTheSameModelAlways) {
  const auto split = Split({1, 1}, "session_id");
  const auto again = Split({1, 1}, "session_id");
  std::set<std::size_t> met;
  for (int i = 0; i < 50; ++i) {
    const auto rows = Rows({{"x", 1}}, {"key-" + std::to_string(i)});
    const std::size_t model = split->Run(rows, rows)->choice.model;
    met.insert(model);
    for (int repeat = 0; repeat < 3; ++repeat) {
      EXPECT_EQ(again->Run(rows, rows)->choice.model, model);
    }
  }
  EXPECT_EQ(met.size(), 2u);
}

TEST(SplitStep, RowsAreDividedAndComeBackInOrder) {
  const auto split = Split({1, 1, 1}, "session_id");
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back("key-" + std::to_string(i * 7 % 40));
  const auto rows = Rows({{"x", 100}}, keys);
  const auto result = split->Run(rows, rows);
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  ASSERT_EQ(result->choice.by_row.size(), 100u);
  for (std::size_t row = 0; row < 100; ++row) {
    const auto one = Rows({{"x", 1}}, {keys[row]});
    EXPECT_EQ(split->Run(one, one)->choice.model, result->choice.by_row[row]);
    EXPECT_EQ(FloatAt(*result->out->column(0), static_cast<std::int64_t>(row)),
              static_cast<float>(result->choice.by_row[row]));
  }
}

TEST(SplitStep, OutputsThatDifferCannotBeMixed) {
  const auto split = Split({1, 1}, "session_id", {"a", "b"});
  std::vector<std::string> keys;
  for (int i = 0; i < 20; ++i) keys.push_back(std::to_string(i));
  const auto rows = Rows({{"x", 20}}, keys);
  const auto result = split->Run(rows, rows);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
  EXPECT_NE(result.status().ToString().find("outputs differ"), std::string::npos);
}

TEST(SplitStep, ByValue) {
  PlanNode node;
  node.kind = NodeKind::kValueSplit;
  node.key = "session_id";
  node.routes = {"gold", "silver"};
  std::vector<ModelRunner> models;
  for (int i = 0; i < 3; ++i) {
    models.push_back(Runner("m" + std::to_string(i),
                            std::make_shared<ConstantModel>(static_cast<float>(i), "y")));
  }
  const SplitStep split(node, std::move(models));
  const auto route = [&](const std::string& key) {
    const auto rows = Rows({{"x", 1}}, {key});
    return split.Run(rows, rows)->choice.model;
  };
  EXPECT_EQ(route("gold"), 1u);
  EXPECT_EQ(route("silver"), 2u);
  EXPECT_EQ(route("other"), 0u);
  const auto without = Rows({{"x", 1}});
  EXPECT_EQ(split.Run(without, without)->choice.model, 0u);
}

}  // namespace
}  // namespace joey
