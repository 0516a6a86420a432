#include "data/json_records.h"

#include <arrow/array.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace joey {
namespace {

// Text with the padding that ParseJsonRecords() asks for.
class Padded {
 public:
  explicit Padded(std::string_view text) : text_(text), size_(text.size()) {
    text_.append(64, '7');
  }
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::string text_;
  std::size_t size_;
};

Result<JsonRecords> Parse(std::string_view text, JsonKind kind = JsonKind::kDouble,
                          int threads = 1) {
  Padded padded(text);
  std::vector<JsonColumnHint> hints{{"x", kind}};
  auto out = ParseJsonRecords(padded.view(), hints, threads);
  if (out.ok()) out->cells.clear();  // they point into `padded`
  return out;
}

TEST(JsonRecords, ListsBecomeListColumns) {
  auto records = Parse(R"([{"x":[1,2.5,-3e2]},{"x":[ 4 , 5,6 ]}])");
  ASSERT_TRUE(records.ok()) << records.status().ToString();
  EXPECT_EQ(records->batch->column(0)->ToString(),
            "[\n  [\n    1,\n    2.5,\n    -300\n  ],\n  [\n    4,\n    5,\n    6\n  ]\n]");
  EXPECT_EQ(records->batch->schema()->field(0)->type()->ToString(), "list<item: double>");
}

TEST(JsonRecords, NestedListsScalarsStringsAndBooleans) {
  auto records = Parse(
      R"([{"x":[[1,2],[3,4]],"s":"a\u00e9","b":true,"n":7,"m":1}, {"x":[[5,6],[7,8]],"s":"","b":false,"n":8,"m":2.5}])");
  ASSERT_TRUE(records.ok()) << records.status().ToString();
  const auto& schema = *records->batch->schema();
  EXPECT_EQ(schema.field(0)->type()->ToString(), "list<item: list<item: double>>");
  EXPECT_EQ(schema.field(1)->type()->ToString(), "string");
  EXPECT_EQ(schema.field(2)->type()->ToString(), "bool");
  EXPECT_EQ(schema.field(3)->type()->ToString(), "int64");
  EXPECT_EQ(schema.field(4)->type()->ToString(), "double");
}

TEST(JsonRecords, CellsAreTheTextAsSent) {
  Padded text(R"([{"x": [1.50, 2] , "y":"q"},{"y":"r" , "x":[3,4.0]}])");
  auto records = ParseJsonRecords(text.view(), {}, 1);
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records->cells,
            (std::vector<std::string_view>{"[1.50, 2]", "\"q\"", "[3,4.0]", "\"r\""}));
}

TEST(JsonRecords, BadTextIsRefused) {
  const char* texts[] = {
      "",
      "{}",
      "[]",
      "[1]",
      "null",
      R"([{"x":[1,2]}] x)",
      R"([{"x":[1,2)",
      R"([{"x":[1,2]})",
      R"([{"x":[1,null]}])",
      R"([{"x":[1,"a"]}])",
      R"([{"x":[1,NaN]}])",
      R"([{"x":[1e999]}])",
      R"([{"x":[01]}])",
      R"([{"x":[1.]}])",
      R"([{"x":[.5]}])",
      R"([{"x":[+1]}])",
      R"([{"x":[1,]}])",
      R"([{"x":[1 2]}])",
      R"([{"x":[-]}])",
      R"([{"x":[1e]}])",
      R"([{"x":1,"x":2}])",
      R"([{"x":1},{}])",
      R"([{"x":1},{"x":1,"y":2}])",
      R"([{"x":[1]},{"x":1}])",
      R"([{"x":[1]},{"x":[[1]]}])",
      R"([{"x":{}}])",
      R"([{"x":[{}]}])",
      "[{\"x\":\"\xff\"}]",
  };
  for (const char* text : texts) {
    auto records = Parse(text);
    ASSERT_FALSE(records.ok()) << text;
    EXPECT_EQ(records.status().code(), Code::kInvalidArgument) << text;
    EXPECT_FALSE(records.status().hint().empty()) << text;
  }
}

TEST(JsonRecords, DeepNestingEndsEarly) {
  EXPECT_FALSE(Parse(std::string(100000, '[')).ok());
  EXPECT_FALSE(Parse("[{\"x\":" + std::string(100000, '[') + std::string(100000, ']') + "}]").ok());
}

std::string ManyRows(int rows, std::string_view last) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> value(-3, 3);
  std::string text = "[";
  for (int i = 0; i < rows; ++i) {
    text += i == 0 ? "{\"x\":[" : ",\n {\"x\":[";
    for (int j = 0; j < 29; ++j) text += (j == 0 ? "" : ",") + std::to_string(value(random));
    text += "]}";
  }
  return text + std::string(last) + "]";
}

TEST(JsonRecords, DeepListsKeepEveryNumberAndTheColumnsBehindThem) {
  std::string text = "[";
  for (int row = 0; row < 3; ++row) {
    if (row > 0) text += ',';
    text += "{\"image\":[";
    for (int y = 0; y < 4; ++y) {
      text += y > 0 ? ", [" : "[";
      for (int x = 0; x < 5; ++x) {
        text += (x > 0 ? "," : "") + std::to_string(100 * row + 10 * y + x) + (x % 2 ? ".5" : "");
      }
      text += "]";
    }
    text += "],\"last\":" + std::to_string(row) + "}";
  }
  text += "]";
  Padded padded(text);
  std::vector<JsonColumnHint> hints{{"image", JsonKind::kDouble}, {"last", JsonKind::kInt64}};
  auto records = ParseJsonRecords(padded.view(), hints);
  ASSERT_TRUE(records.ok()) << records.status().ToString();
  const auto& rows = static_cast<const arrow::ListArray&>(*records->batch->column(0));
  const auto& lines = static_cast<const arrow::ListArray&>(*rows.values());
  const auto& values = static_cast<const arrow::DoubleArray&>(*lines.values());
  ASSERT_EQ(values.length(), 60);
  for (std::int64_t i = 0; i < 60; ++i) {
    const double expected =
        static_cast<double>(100 * (i / 20) + 10 * (i / 5 % 4) + i % 5) + (i % 5 % 2 ? 0.5 : 0);
    EXPECT_EQ(values.Value(i), expected) << i;
  }
  EXPECT_EQ(lines.value_length(11), 5);
  EXPECT_EQ(static_cast<const arrow::Int64Array&>(*records->batch->column(1)).Value(2), 2);
  EXPECT_EQ(records->cells[5], "2");
}

TEST(JsonRecords, TwoThreadsReadTheSame) {
  Padded text(ManyRows(5000, ""));
  std::vector<JsonColumnHint> hints{{"x", JsonKind::kDouble}};
  auto one = ParseJsonRecords(text.view(), hints, 1);
  auto two = ParseJsonRecords(text.view(), hints, 2);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_TRUE(one->batch->Equals(*two->batch));
  EXPECT_EQ(one->cells, two->cells);
}

TEST(JsonRecords, TwoThreadsSayWhatOneWouldSay) {
  Padded text(ManyRows(5000, ",{\"x\":[null]}"));
  auto one = ParseJsonRecords(text.view(), {}, 1);
  auto two = ParseJsonRecords(text.view(), {}, 2);
  ASSERT_FALSE(one.ok() || two.ok());
  EXPECT_EQ(one.status().message(), two.status().message());
}

}  // namespace
}  // namespace joey
