#include "data/schema_cache.h"

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <string>

namespace joey {
namespace {

arrow::ArrayVector OneFloat() {
  arrow::FloatBuilder builder;
  EXPECT_TRUE(builder.Append(1).ok());
  return {*builder.Finish()};
}

std::shared_ptr<arrow::Schema> Get(SchemaCache& cache, const arrow::ArrayVector& columns,
                                   const std::string& name) {
  return cache.Get(columns, [&](std::size_t) -> const std::string& { return name; });
}

TEST(SchemaCache, StepsThatTakeTurnsKeepTheirSchemas) {
  SchemaCache cache;
  const auto columns = OneFloat();
  const auto first = Get(cache, columns, "first");
  const auto second = Get(cache, columns, "second");
  EXPECT_NE(first, second);
  EXPECT_EQ(Get(cache, columns, "first"), first);
  EXPECT_EQ(Get(cache, columns, "second"), second);
}

TEST(SchemaCache, ManyNamesDoNotPileUp) {
  SchemaCache cache;
  const auto columns = OneFloat();
  const std::weak_ptr<arrow::Schema> first = Get(cache, columns, "0");
  for (int i = 1; i < 100; ++i) {
    const std::string name = std::to_string(i);
    EXPECT_EQ(Get(cache, columns, name)->field(0)->name(), name);
  }
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace joey
