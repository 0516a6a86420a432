#include "pipeline/shadow_step.h"

#include <gtest/gtest.h>

#include "pipeline/pipeline_test_support.h"

namespace joey {
namespace {

using std::chrono::milliseconds;

struct Made {
  std::unique_ptr<ShadowPool> pool = std::make_unique<ShadowPool>(2);
  std::shared_ptr<ConstantModel> champion = std::make_shared<ConstantModel>(1.0F, "y");
  std::shared_ptr<ConstantModel> challenger = std::make_shared<ConstantModel>(2.0F, "z");
  std::unique_ptr<ShadowStep> step;

  void Make() {
    std::vector<ModelRunner> models;
    models.push_back(Runner("champion", champion));
    models.push_back(Runner("challenger", challenger));
    step = std::make_unique<ShadowStep>(std::move(models), *pool);
  }
  ~Made() { pool.reset(); }
};

TEST(ShadowStep, ChallengersAreBesideTheAnswer) {
  Made made;
  made.Make();
  const auto rows = Rows({{"x", 3}});
  const ShadowCounts& counts = *made.step->counts()[0];
  // In the pool at first, then on this thread. On a busy machine the pool may be late at times.
  for (int i = 0; i < 2000 && counts.answered < 20; ++i) {
    const auto result = made.step->Run(rows, rows);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(FloatAt(*result->out->column(0), 2), 1.0F);
    if (result->shadows.empty()) {
      std::this_thread::sleep_for(milliseconds(5));
      continue;
    }
    EXPECT_EQ(*result->shadows[0].model, "challenger");
    EXPECT_EQ(FloatAt(*result->shadows[0].out->column(0), 2), 2.0F);
  }
  EXPECT_EQ(counts.answered, 20u);
}

TEST(ShadowStep, AFailingChallengerSpoilsNothing) {
  Made made;
  made.challenger->failing = true;
  made.Make();
  const auto rows = Rows({{"x", 1}});
  for (int i = 0; i < 5; ++i) {
    const auto result = made.step->Run(rows, rows);
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->shadows.empty());
  }
  const ShadowCounts& counts = *made.step->counts()[0];
  for (int i = 0; i < 3000 && counts.failed < 5; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(counts.failed, 5u);
}

TEST(ShadowStep, ASlowChallengerIsLateAndThenNotWaitedFor) {
  Made made;
  made.challenger->delay = milliseconds(400);
  made.Make();
  const auto rows = Rows({{"x", 1}});
  // All are answered while the first runs of the challenger are still under way: nothing waited.
  for (int i = 0; i < 30; ++i) {
    const auto result = made.step->Run(rows, rows);
    ASSERT_TRUE(result.ok());
    EXPECT_TRUE(result->shadows.empty());
  }
  const ShadowCounts& counts = *made.step->counts()[0];
  EXPECT_LE(counts.running, 8);
  EXPECT_GE(counts.skipped, 1u);
  EXPECT_EQ(counts.answered, 0u);
}

TEST(ShadowStep, AFailingChampionIsTheAnswer) {
  Made made;
  made.champion->failing = true;
  made.Make();
  const auto rows = Rows({{"x", 1}});
  EXPECT_FALSE(made.step->Run(rows, rows).ok());
}

}  // namespace
}  // namespace joey
