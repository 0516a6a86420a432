#include "expression/check.h"

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>

namespace joey {
namespace {

using Columns = std::map<std::string, std::shared_ptr<arrow::Array>, std::less<>>;

std::shared_ptr<arrow::Array> Floats(const std::vector<float>& values) {
  arrow::FloatBuilder builder;
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return *builder.Finish();
}

template <typename Builder, typename T>
std::shared_ptr<arrow::Array> Lists(const std::vector<std::vector<T>>& rows) {
  auto values = std::make_shared<Builder>();
  arrow::ListBuilder builder(arrow::default_memory_pool(), values);
  for (const std::vector<T>& row : rows) {
    EXPECT_TRUE(builder.Append().ok());
    EXPECT_TRUE(values->AppendValues(row).ok());
  }
  return *builder.Finish();
}

std::shared_ptr<arrow::Array> FloatLists(const std::vector<std::vector<float>>& rows) {
  return Lists<arrow::FloatBuilder, float>(rows);
}

Check Parsed(const std::string& text) {
  auto checks = Check::Parse(text);
  EXPECT_TRUE(checks.ok()) << checks.status().ToString();
  EXPECT_EQ(checks->size(), 1);
  return checks->front();
}

ColumnLookup Lookup(const Columns& columns) {
  return [&](std::string_view name) -> std::shared_ptr<arrow::Array> {
    auto found = columns.find(name);
    return found == columns.end() ? nullptr : found->second;
  };
}

// "TF": the verdicts.
std::string Verdicts(const Check& check, const Columns& columns) {
  std::int64_t rows = columns.begin()->second->length();
  auto verdicts = check.Evaluate(Lookup(columns), rows);
  if (!verdicts.ok()) return verdicts.status().ToString();
  EXPECT_EQ((*verdicts)->null_count(), 0);
  std::string out;
  for (std::int64_t i = 0; i < rows; ++i) out += (*verdicts)->Value(i) ? 'T' : 'F';
  return out;
}

std::string Verdicts(const std::string& text, const Columns& columns) {
  return Verdicts(Parsed(text), columns);
}

std::string Refusal(const std::string& text) {
  auto checks = Check::Parse(text);
  EXPECT_FALSE(checks.ok());
  return checks.ok() ? "" : checks.status().ToString();
}

// EXPR as a validation named "v".
std::string Named(const std::string& expr) { return R"({"Alias":[)" + expr + R"(,"v"]})"; }

// The guide's expressions as the releases of polars write them.

std::string Get018(const std::string& column) {
  return R"({"Function":{"input":[{"Column":")" + column +
         R"("},{"Literal":{"Int32":0}}],"function":{"ListExpr":"Get"},"options":{"collect_groups":"ApplyFlat","fmt_str":"","input_wildcard_expansion":false,"auto_explode":true,"cast_to_supertypes":false,"allow_rename":false,"pass_name_to_apply":false,"changes_length":false,"check_lengths":true,"allow_group_aware":true}}})";
}

std::string Get(const std::string& column, bool null_beyond) {
  return R"({"Function":{"input":[{"Column":")" + column +
         R"("},{"Literal":{"Dyn":{"Int":0}}}],"function":{"ListExpr":{"Get":)" +
         (null_beyond ? "true" : "false") + "}}}}";
}

std::string Binary(const std::string& left, const std::string& op, const std::string& right) {
  return R"({"BinaryExpr":{"left":)" + left + R"(,"op":")" + op + R"(","right":)" + right + "}}";
}

const std::string kFraud018 =
    R"({"Alias":[)" + Binary(Get018("out.dense_1"), "Gt", R"({"Literal":{"Float64":0.9}})") +
    R"(,"fraud"]})";
const std::string kFraud =
    R"({"Alias":[)" +
    Binary(Get("out.dense_1", false), "Gt", R"({"Literal":{"Dyn":{"Float":0.9}}})") +
    R"(,"fraud"]})";
// polars 0.20 to 1.x.
const std::string kFraud020 =
    R"({"Alias":[{"BinaryExpr":{"left":{"Function":{"input":[{"Column":"out.dense_1"},{"Literal":{"Int":0}}],"function":{"ListExpr":{"Get":true}},"options":{"collect_groups":"ElementWise","fmt_str":"","input_wildcard_expansion":false,"returns_scalar":false,"cast_to_supertypes":false,"allow_rename":false,"pass_name_to_apply":false,"changes_length":false,"check_lengths":true,"allow_group_aware":true}}},"op":"Gt","right":{"Literal":{"Float":0.9}}}},"fraud"]})";

TEST(CheckTest, FraudOfTheGuideInEveryDialect) {
  Columns columns = {{"out.dense_1", FloatLists({{0.981199F}, {0.0014974177F}, {0.9F}})}};
  for (const std::string& text : {kFraud018, kFraud020, kFraud}) {
    Check check = Parsed(text);
    EXPECT_EQ(check.name(), "fraud");
    EXPECT_FALSE(check.legacy());
    EXPECT_EQ(check.columns(), std::vector<std::string>{"out.dense_1"});
    // 0.9 is taken as float32, as polars does: the third row is not greater.
    EXPECT_EQ(Verdicts(check, columns), "TFF");
  }
}

TEST(CheckTest, SmallestOfAListAndCompound) {
  Columns columns = {
      {"in.sales_count", Lists<arrow::Int64Builder, std::int64_t>(
                             {{1357, 1247, 350, 1437, 952, 757, 1831}, {617, 525, 513, 517}})},
      {"out.dense_1", FloatLists({{0.0010916889F}, {0.95F}})}};
  std::string min =
      R"({"Function":{"input":[{"Column":"in.sales_count"}],"function":{"ListExpr":"Min"}}})";
  EXPECT_EQ(Verdicts(Named(Binary(min, "Lt", R"({"Literal":{"Dyn":{"Int":500}}})")), columns),
            "TF");
  std::string get = Get("out.dense_1", true);
  std::string both = Binary(Binary(get, "Lt", R"({"Literal":{"Dyn":{"Float":0.9}}})"), "And",
                            Binary(get, "Gt", R"({"Literal":{"Dyn":{"Float":0.001}}})"));
  EXPECT_EQ(Verdicts(Named(both), columns), "TF");
  EXPECT_EQ(Parsed(Named(both)).columns(), std::vector<std::string>{"out.dense_1"});
}

TEST(CheckTest, AggregatesStandForAllRows) {
  Columns columns = {{"out.x", Floats({1, 2, 3, 10})}};
  std::string mean = R"({"Agg":{"Mean":{"Column":"out.x"}}})";
  EXPECT_EQ(Verdicts(Named(Binary(mean, "Gt", R"({"Literal":{"Dyn":{"Int":3}}})")), columns),
            "TTTT");
  EXPECT_EQ(Verdicts(Named(Binary(R"({"Column":"out.x"})", "Gt", mean)), columns), "FFFT");
}

TEST(CheckTest, ListsBeyondTheirEnd) {
  Columns columns = {{"out.dense_1", FloatLists({{1.0F}, {}})}};
  EXPECT_EQ(Verdicts(kFraud018, columns), "TF");
  EXPECT_NE(Verdicts(kFraud, columns).find("out of bounds in row 1, whose list has 0 values"),
            std::string::npos);
}

TEST(CheckTest, NanComparesAsTheReleaseDoes) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  Columns columns = {{"out.dense_1", FloatLists({{nan}, {0.5F}})}};
  EXPECT_EQ(Verdicts(kFraud018, columns), "FF");
  EXPECT_EQ(Verdicts(kFraud020, columns), "TF");
  EXPECT_EQ(Verdicts(kFraud, columns), "TF");
}

TEST(CheckTest, NullCountsAsFalse) {
  arrow::DoubleBuilder builder;
  ASSERT_TRUE(builder.Append(2).ok());
  ASSERT_TRUE(builder.AppendNull().ok());
  Columns columns = {{"in.x", *builder.Finish()}};
  std::string above = Binary(R"({"Column":"in.x"})", "Gt", R"({"Literal":{"Dyn":{"Int":1}}})");
  std::string negated = R"({"Function":{"input":[)" + above + R"(],"function":{"Boolean":"Not"}}})";
  EXPECT_EQ(Verdicts(Named(above), columns), "TF");
  EXPECT_EQ(Verdicts(Named(negated), columns), "FF");
}

TEST(CheckTest, ManyRowsAreTheSameAsFew) {
  std::vector<float> values(20001);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7);
  Columns columns = {{"in.x", Floats(values)}};
  std::string above = Binary(R"({"Column":"in.x"})", "GtEq", R"({"Literal":{"Dyn":{"Int":3}}})");
  std::string verdicts = Verdicts(Named(above), columns);
  ASSERT_EQ(verdicts.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(verdicts[i], i % 7 >= 3 ? 'T' : 'F') << i;
  }
}

// Legacy.

const std::string kPrice =
    R"({"values": {"price too high": {"root": {"node": "binop", "op": "<", "left": {"node": "variable", "variant_id": {"name": "anomaly-housing"}, "position": "output", "key": [0, 0]}, "right": {"node": "literal", "float": 100.0}}, "required_data": [{"name": "anomaly-housing"}]}}, "gauges": [], "validations": ["price too high"]})";

TEST(CheckTest, LegacyIsTrueWhereTheExpressionIsFalse) {
  Check check = Parsed(kPrice);
  EXPECT_TRUE(check.legacy());
  EXPECT_EQ(check.name(), "price too high");
  EXPECT_EQ(check.expression_text(), "anomaly-housing.outputs[0][0] < 100");
  EXPECT_EQ(check.columns(), std::vector<std::string>{"anomaly-housing.outputs[0]"});
  EXPECT_EQ(Verdicts(check, {{"anomaly-housing.outputs[0]", FloatLists({{350.47F}, {99.0F}})}}),
            "TF");
  EXPECT_EQ(Verdicts(check, {{"anomaly-housing.outputs[0]", Floats({350.47F, 99.0F})}}), "TF");
}

TEST(CheckTest, LegacyOperations) {
  auto text = [](const std::string& root) {
    return R"({"values": {"a": {"root": )" + root + R"(}}, "gauges": [], "validations": ["a"]})";
  };
  std::string x =
      R"({"node": "variable", "variant_id": {"name": "m"}, "position": "input", "key": [1, 2]})";
  Columns columns = {{"m.inputs[1]", FloatLists({{0, 0, -2}, {0, 0, 3}, {0, 0, 8}})}};
  Check check = Parsed(text(
      R"({"node": "binop", "op": "<=", "left": {"node": "binop", "op": "+", "left": {"node": "fn", "fn": "abs", "arguments": [)" +
      x +
      R"(]}, "right": {"node": "literal", "integer": 1}}, "right": {"node": "literal", "float": 4.5}})"));
  EXPECT_EQ(check.expression_text(), "(abs(m.inputs[1][2]) + 1) <= 4.5");
  EXPECT_EQ(Verdicts(check, columns), "FFT");
  check = Parsed(text(
      R"({"node": "binop", "op": "in", "left": )" + x +
      R"(, "right": {"node": "literal", "list": [{"node": "literal", "integer": 3}, {"node": "literal", "integer": 8}]}})"));
  EXPECT_EQ(check.expression_text(), "m.inputs[1][2] in [3, 8]");
  EXPECT_EQ(Verdicts(check, columns), "TFF");
  EXPECT_NE(Refusal(text(R"({"node": "fn", "fn": "count", "arguments": []})")).find("count()"),
            std::string::npos);
}

TEST(CheckTest, LegacyCountsElementsOfNestedLists) {
  auto inner = FloatLists({{1, 2}, {3, 4}, {5, 6}, {7, 8}});
  auto offsets = Lists<arrow::Int32Builder, std::int32_t>({{0, 2, 4}});
  auto lists = arrow::ListArray::FromArrays(
      *static_cast<const arrow::ListArray&>(*offsets).values(), *inner);
  ASSERT_TRUE(lists.ok());
  std::string text =
      R"({"values": {"a": {"root": {"node": "binop", "op": "==", "left": {"node": "variable", "variant_id": {"name": "m"}, "position": "output", "key": [0, 3]}, "right": {"node": "literal", "integer": 8}}}}, "gauges": [], "validations": ["a"]})";
  EXPECT_EQ(Verdicts(text, {{"m.outputs[0]", *lists}}), "TF");
}

// Refusals.

TEST(CheckTest, RefusesWithTheName) {
  std::string x = R"({"Column":"in.x"})";
  EXPECT_NE(
      Refusal(Named(R"({"Function":{"input":[)" + x + R"(],"function":{"ListExpr":"ArgMax"}}})"))
          .find("list.arg_max() is not supported"),
      std::string::npos);
  EXPECT_NE(Refusal(Named(R"({"Over":{"function":)" + x + "}}")).find("over() is not"),
            std::string::npos);
  EXPECT_NE(Refusal(Named(R"("Wildcard")")).find("pl.all()"), std::string::npos);
  EXPECT_NE(Refusal(Named(R"({"Agg":{"Max":{"input":)" + x + R"(,"propagate_nans":true}}})"))
                .find("nan_max()"),
            std::string::npos);
  EXPECT_NE(Refusal("[1").find("not JSON"), std::string::npos);
  EXPECT_NE(Refusal("{}").find("not understood"), std::string::npos);
  EXPECT_NE(Refusal(R"({"Alias":[1,"v"]})").find("not understood"), std::string::npos);
  EXPECT_NE(Refusal(Named(R"({"Literal":{"Float64":null}})")).find("is_nan()"), std::string::npos);
  EXPECT_FALSE(Check::Parse(R"({"values": 1})").ok());
  EXPECT_FALSE(Check::Parse(R"({"values": {}, "validations": ["a"]})").ok());
  EXPECT_FALSE(Check::Parse("\xff").ok());
}

TEST(CheckTest, RefusesWhatIsTooDeep) {
  std::string text = R"({"Column":"x"})";
  for (int i = 0; i < 300; ++i) text = R"({"Alias":[)" + text + R"(,"a"]})";
  EXPECT_NE(Refusal(text).find("nests deeper than"), std::string::npos);
}

TEST(CheckTest, TypesAreCheckedWhenTheyAreKnown) {
  Check check = Parsed(kFraud);
  EXPECT_TRUE(check.CheckTypes({}).ok());
  EXPECT_TRUE(check.CheckTypes({{"out.dense_1", arrow::list(arrow::float32())}}).ok());
  EXPECT_TRUE(
      check.CheckTypes({{"out.dense_1", arrow::fixed_size_list(arrow::float16(), 3)}}).ok());
  EXPECT_NE(
      check.CheckTypes({{"out.dense_1", arrow::float32()}}).ToString().find(".list need a list"),
      std::string::npos);
  EXPECT_NE(
      check.CheckTypes({{"out.dense_1", arrow::list(arrow::utf8())}})
          .ToString()
          .find("'fraud': the types string and a number of the expression do not go together"),
      std::string::npos);
  EXPECT_NE(check.CheckTypes({{"out.dense_1", arrow::date32()}}).ToString().find("date32"),
            std::string::npos);
  EXPECT_NE(Parsed(Named(Get("out.y", true)))
                .CheckTypes({{"out.y", arrow::list(arrow::float32())}})
                .ToString()
                .find("gives float32, not true or false"),
            std::string::npos);
}

TEST(CheckTest, MissingColumn) {
  EXPECT_NE(Verdicts(kFraud, {{"out.other", Floats({1})}}).find("'out.dense_1' is missing"),
            std::string::npos);
}

TEST(CheckTest, IntegersWrapAndTooLargeNumbersAreRefused) {
  arrow::UInt8Builder builder;
  ASSERT_TRUE(builder.AppendValues(std::vector<std::uint8_t>{1, 250}).ok());
  Columns columns = {{"in.u", *builder.Finish()}};
  std::string u = R"({"Column":"in.u"})";
  auto number = [](int value) {
    return R"({"Literal":{"Dyn":{"Int":)" + std::to_string(value) + "}}}";
  };
  EXPECT_EQ(Verdicts(Named(Binary(Binary(u, "Minus", number(3)), "Gt", number(250))), columns),
            "TF");
  EXPECT_EQ(Verdicts(Named(Binary(u, "Lt", number(300))), columns), "TT");
  EXPECT_NE(Verdicts(Named(Binary(Binary(u, "Plus", number(300)), "Gt", number(1))), columns)
                .find("does not fit the type uint8"),
            std::string::npos);
}

}  // namespace
}  // namespace joey
