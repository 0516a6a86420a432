#include "data/dataset.h"

#include <gtest/gtest.h>

namespace joey {
namespace {

TEST(Dataset, StarLeavesMetadataOut) {
  Dataset dataset({"*"}, {});
  EXPECT_TRUE(dataset.Selects("time"));
  EXPECT_TRUE(dataset.Selects("in.tensor"));
  EXPECT_TRUE(dataset.Selects("out_challenger.variable"));
  EXPECT_TRUE(dataset.Selects("check_failures"));
  EXPECT_FALSE(dataset.Selects("metadata.elapsed"));
}

TEST(Dataset, TheMoreSpecificWins) {
  Dataset dataset({"*", "metadata.elapsed"}, {"metadata", "out.b"});
  EXPECT_TRUE(dataset.Selects("metadata.elapsed"));
  EXPECT_FALSE(dataset.Selects("metadata.partition"));
  EXPECT_TRUE(dataset.Selects("out.a"));
  EXPECT_FALSE(dataset.Selects("out.b"));
}

TEST(Dataset, ATieExcludes) {
  EXPECT_FALSE(Dataset({"in"}, {"in"}).Selects("in.tensor"));
  EXPECT_FALSE(Dataset({"in.tensor"}, {"in.tensor"}).Selects("in.tensor"));
}

TEST(Dataset, OneGroupOnly) {
  Dataset dataset({"meta"}, {});
  EXPECT_TRUE(dataset.Selects("time"));
  EXPECT_TRUE(dataset.Selects("metadata.elapsed"));
  EXPECT_FALSE(dataset.Selects("in.tensor"));
}

}  // namespace
}  // namespace joey
