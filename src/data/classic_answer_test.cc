#include "data/classic_answer.h"

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

namespace joey {
namespace {

using Columns = std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>;

std::shared_ptr<arrow::Array> Of(const std::shared_ptr<arrow::DataType>& type,
                                 std::string_view text) {
  return arrow::json::ArrayFromJSONString(type, text).ValueOrDie();
}

std::shared_ptr<arrow::RecordBatch> Batch(const Columns& columns) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type(), false));
    arrays.push_back(array);
  }
  std::int64_t rows = arrays.empty() ? 0 : arrays[0]->length();
  return arrow::RecordBatch::Make(arrow::schema(fields), rows, arrays);
}

InferenceRecord Record(const Columns& out, const Columns& extra = {}) {
  auto context = std::make_shared<RecordContext>();
  context->pipeline_name = "house";
  context->last_model = R"({"model_name":"a","model_sha":"s1"})";
  context->models = {{"a", "v1", "s1"}, {"b", "v2", "s2"}};
  InferenceRecord record;
  record.context = context;
  record.time_ms = 1651257043312;
  record.out = Batch(out);
  record.rows = record.out->num_rows();
  record.in = record.out;
  if (!extra.empty()) record.extra = Batch(extra);
  record.elapsed_ns = {1067541, 21209776};
  return record;
}

std::string Outputs(const std::shared_ptr<arrow::DataType>& type, std::string_view text) {
  std::string document = WriteClassicAnswer(Record({{"y", Of(type, text)}}), {});
  std::size_t begin = document.find("\"outputs\":") + 10;
  return document.substr(begin, document.find(",\"pipeline_name\"") - begin);
}

TEST(ClassicAnswer, TheGuidesDocument) {
  auto record = Record({{"y", Of(arrow::list(arrow::float32()), "[[350.46990966796875]]")}});
  EXPECT_EQ(
      WriteClassicAnswer(record, {.original_data = R"({"x": [[1, 2]]})", .elapsed_as_sum = true}),
      R"([{"check_failures":[],"elapsed":22277317,"model_name":"a","model_version":"v1",)"
      R"("original_data":{"x": [[1, 2]]},"outputs":[{"Float":{"data":[350.46990966796875],)"
      R"("dim":[1,1],"v":1}}],"pipeline_name":"house","shadow_data":{},"time":1651257043312}])");
  std::string edge = WriteClassicAnswer(record, {});
  EXPECT_NE(edge.find(R"("elapsed":[1067541,21209776])"), std::string::npos);
  EXPECT_NE(edge.find(R"("original_data":null)"), std::string::npos);
}

TEST(ClassicAnswer, DimensionsComeFromTheLists) {
  EXPECT_EQ(Outputs(arrow::int64(), "[535, 7]"), R"([{"Int64":{"data":[535,7],"dim":[2],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::list(arrow::list(arrow::float64())), "[[[1,2],[3,4],[5,6]]]"),
            R"([{"Double":{"data":[1.0,2.0,3.0,4.0,5.0,6.0],"dim":[1,3,2],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::fixed_size_list(arrow::uint8(), 2), "[[1,2],[3,255]]"),
            R"([{"Uint8":{"data":[1,2,3,255],"dim":[2,2],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::large_list(arrow::boolean()), "[[true],[false]]"),
            R"([{"Bool":{"data":[true,false],"dim":[2,1],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::list(arrow::float32()), "[[],[]]"),
            R"([{"Float":{"data":[],"dim":[2,0],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::list(arrow::list(arrow::utf8())), "[[],[]]"),
            R"([{"String":{"data":[],"dim":[2,0,0],"v":1}}])");
}

TEST(ClassicAnswer, FloatsAreShownAsDoubles) {
  EXPECT_EQ(Outputs(arrow::float32(), "[0.1]"),
            R"([{"Float":{"data":[0.10000000149011612],"dim":[1],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::float16(), "[0.1]"),
            R"([{"Float":{"data":[0.0999755859375],"dim":[1],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::float64(), "[0.1]"), R"([{"Double":{"data":[0.1],"dim":[1],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::float32(), "[NaN]"), R"([{"Float":{"data":[null],"dim":[1],"v":1}}])");
}

TEST(ClassicAnswer, WhatIsNoTensorIsJson) {
  EXPECT_EQ(Outputs(arrow::list(arrow::int32()), "[[1,2],[3]]"),
            R"([{"Json":{"data":[[1,2],[3]],"dim":[2],"v":1}}])");
  EXPECT_EQ(Outputs(arrow::struct_({arrow::field("a", arrow::int8())}), R"([{"a":1}])"),
            R"([{"Json":{"data":[{"a":1}],"dim":[1],"v":1}}])");
}

TEST(ClassicAnswer, ShadowsAndFailedChecks) {
  auto record = Record({{"y", Of(arrow::int8(), "[1,2]")}},
                       {{"anomaly.count", Of(arrow::uint32(), "[1,0]")},
                        {"anomaly.high", Of(arrow::boolean(), "[true,false]")},
                        {"anomaly.low", Of(arrow::boolean(), "[false,false]")},
                        {"out_rf.u", Of(arrow::int8(), "[3,4]")},
                        {"out_rf.v", Of(arrow::int16(), "[5,6]")},
                        {"out_xgb.u", Of(arrow::int32(), "[7,8]")}});
  std::string text = WriteClassicAnswer(record, {});
  EXPECT_NE(text.find(R"("check_failures":[{"False":{"expr":"high"}}])"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("shadow_data":{"rf":[{"Int8":{"data":[3,4],"dim":[2],"v":1}},)"
                      R"({"Int16":{"data":[5,6],"dim":[2],"v":1}}],)"
                      R"("xgb":[{"Int32":{"data":[7,8],"dim":[2],"v":1}}]})"),
            std::string::npos)
      << text;

  record = Record(
      {{"y", Of(arrow::int8(), "[1,2]")}},
      {{"check_failures", Of(arrow::list(arrow::utf8()), R"([["a < 1"],["a < 1","b > \"2\""]])")}});
  text = WriteClassicAnswer(record, {});
  EXPECT_NE(text.find(R"("check_failures":[{"False":{"expr":"a < 1"}},)"
                      R"({"False":{"expr":"b > \"2\""}}])"),
            std::string::npos)
      << text;
}

TEST(ClassicAnswer, ADocumentForEachRunOfRowsOfOneModel) {
  const char* models = R"(["{\"model_name\":\"a\",\"model_sha\":\"s1\"}",
                           "{\"model_name\":\"b\",\"model_sha\":\"s2\"}",
                           "{\"model_name\":\"b\",\"model_sha\":\"s2\"}"])";
  auto record = Record({{"_model_split", Of(arrow::utf8(), R"(["a","b","b"])")},
                        {"y", Of(arrow::list(arrow::int8()), "[[1],[2],[3]]")}},
                       {{"metadata.last_model", Of(arrow::utf8(), models)}});
  std::string text = WriteClassicAnswer(record, {.original_data = "{}", .elapsed_as_sum = false});
  EXPECT_NE(text.find(R"("model_name":"a","model_version":"v1","original_data":null,)"
                      R"("outputs":[{"Int8":{"data":[1],"dim":[1,1],"v":1}}])"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("model_name":"b","model_version":"v2","original_data":null,)"
                      R"("outputs":[{"Int8":{"data":[2,3],"dim":[2,1],"v":1}}])"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace joey
