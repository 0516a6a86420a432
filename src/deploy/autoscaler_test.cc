#include "deploy/autoscaler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace joey::deploy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A deployment whose engines share a load of `load` CPUs, one each.
class Simulation {
 public:
  Simulation(Autoscale range, int replicas) : scaler_(range, {}), replicas_(replicas) {}

  // Runs for so many seconds; the numbers of replicas in the order they came.
  std::vector<int> Run(int seconds_long, const std::function<double(int)>& load, bool busy = true) {
    std::vector<int> changes;
    for (int i = 0; i < seconds_long; ++i) {
      now_ += seconds(1);
      const double use = std::min(1.0, load(i) / std::max(1, replicas_));
      const int wanted = scaler_.Observe(now_, replicas_, use, busy);
      if (wanted != replicas_) changes.push_back(wanted);
      replicas_ = wanted;
      if (replicas_ == 0) break;
    }
    return changes;
  }
  int replicas() const { return replicas_; }

 private:
  Autoscaler scaler_;
  int replicas_;
  Autoscaler::Time now_;
};

TEST(Autoscaler, GrowsWithTheLoadAndShrinksWithoutIt) {
  Simulation simulation({1, 5, 0.75}, 1);
  EXPECT_EQ(simulation.Run(60, [](int) { return 3.0; }), (std::vector<int>{2, 3, 4}));
  EXPECT_EQ(simulation.Run(50, [](int) { return 0.1; }), std::vector<int>());
  EXPECT_EQ(simulation.Run(30, [](int) { return 0.1; }), std::vector<int>{1});
}

TEST(Autoscaler, StaysWithinItsRange) {
  Simulation busy({2, 3, 0.5}, 2);
  EXPECT_EQ(busy.Run(300, [](int) { return 100.0; }), std::vector<int>{3});
  EXPECT_EQ(busy.Run(
                300, [](int) { return 0.0; }, false),
            std::vector<int>{2});
}

TEST(Autoscaler, AShortPeakStartsNothing) {
  Simulation simulation({1, 5, 0.75}, 1);
  // Three seconds of load in each twenty.
  EXPECT_EQ(simulation.Run(600, [](int i) { return i % 20 < 3 ? 4.0 : 0.2; }), std::vector<int>());
}

TEST(Autoscaler, AShortPauseEndsNothing) {
  Simulation simulation({0, 5, 0.75}, 4);
  EXPECT_EQ(simulation.Run(600, [](int i) { return i % 60 < 50 ? 0.1 : 2.9; }), std::vector<int>());
}

TEST(Autoscaler, NoSteadyLoadMakesItFlap) {
  for (double load = 0.05; load < 6; load += 0.05) {
    Simulation simulation({1, 8, 0.75}, 1);
    const auto changes = simulation.Run(1200, [&](int) { return load; });
    EXPECT_TRUE(std::is_sorted(changes.begin(), changes.end())) << load;
    // And it is enough, but for the tolerance.
    EXPECT_LE(load / simulation.replicas(), 0.75 * 1.1 + 1e-9) << load;
  }
}

TEST(Autoscaler, GoesToZeroOnlyWithoutAnyRequest) {
  Simulation simulation({0, 3, 0.75}, 2);
  EXPECT_EQ(simulation.Run(200, [](int) { return 0.0; }), std::vector<int>{1});
  EXPECT_EQ(simulation.Run(
                59, [](int) { return 0.0; }, false),
            std::vector<int>());
  EXPECT_EQ(simulation.replicas(), 1);
  // The requests above are forgotten a window after the last of them.
  EXPECT_EQ(simulation.Run(
                10, [](int) { return 0.0; }, false),
            std::vector<int>{0});
}

TEST(Autoscaler, WhatWasSeenBeforeAChangeCountsNoMore) {
  Autoscaler scaler({1, 9, 0.5}, {});
  Autoscaler::Time now;
  int replicas = 1;
  for (int i = 0; i <= 5; ++i) replicas = scaler.Observe(now += seconds(1), replicas, 1, true);
  EXPECT_EQ(replicas, 2);
  // The next step needs a whole window again.
  EXPECT_EQ(scaler.Observe(now += seconds(1), 2, 1, true), 2);
  EXPECT_EQ(scaler.Observe(now += milliseconds(4900), 2, 1, true), 2);
  EXPECT_EQ(scaler.Observe(now += seconds(1), 2, 1, true), 4);
}

}  // namespace
}  // namespace joey::deploy
