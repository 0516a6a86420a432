#include "engine/oip_codec.h"

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/limits.h"
#include "http/body.h"

namespace joey::engine {
namespace {

template <typename T>
OipTensor Numbers(const std::string& datatype, std::vector<std::int64_t> shape,
                  const std::vector<T>& values, const std::string& name = "x") {
  http::Body body(
      std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
  return {name, datatype, std::move(shape), body.owner(), body.view()};
}

OipTensor Bytes(std::vector<std::int64_t> shape, const std::vector<std::string>& texts) {
  std::string raw;
  for (const std::string& text : texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    raw.append(reinterpret_cast<const char*>(&length), sizeof length);
    raw += text;
  }
  http::Body body(raw);
  return {"text", "BYTES", std::move(shape), body.owner(), body.view()};
}

std::shared_ptr<arrow::RecordBatch> Batch(std::vector<OipTensor> tensors) {
  auto batch = OipToBatch(std::move(tensors));
  EXPECT_TRUE(batch.ok()) << batch.status().ToString();
  EXPECT_TRUE((*batch)->ValidateFull().ok());
  return *batch;
}

std::string Refusal(std::vector<OipTensor> tensors) {
  auto batch = OipToBatch(std::move(tensors));
  EXPECT_FALSE(batch.ok());
  EXPECT_EQ(batch.status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(batch.status().hint().empty());
  return batch.status().message();
}

std::shared_ptr<arrow::Array> FromJson(const std::shared_ptr<arrow::DataType>& type,
                                       const std::string& json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

TEST(OipToBatch, NumbersBecomeListsAndStayWhereTheyAre) {
  OipTensor tensor = Numbers<float>("FP32", {2, 3}, {1, 2, 3, 4, 5, 6});
  const char* data = tensor.bytes.data();
  const auto batch = Batch({std::move(tensor)});
  EXPECT_TRUE(
      batch->column(0)->Equals(FromJson(arrow::list(arrow::float32()), "[[1, 2, 3], [4, 5, 6]]")));
  const auto& leaves = *batch->column_data(0)->child_data[0];
  EXPECT_EQ(reinterpret_cast<const char*>(leaves.buffers[1]->data()), data);
}

TEST(OipToBatch, NumbersThatAreNotAlignedAreCopied) {
  http::Body body(std::string(1, '?') + std::string(16, '\0'));
  OipTensor tensor{"x", "INT64", {2}, body.owner(), body.view().substr(1)};
  const auto batch = Batch({std::move(tensor)});
  const auto address = reinterpret_cast<std::uintptr_t>(batch->column_data(0)->buffers[1]->data());
  EXPECT_EQ(address % 8, 0U);
  EXPECT_TRUE(batch->column(0)->Equals(FromJson(arrow::int64(), "[0, 0]")));
}

TEST(OipToBatch, BoolsTextsAndBFloat16) {
  const auto batch =
      Batch({Numbers<char>("BOOL", {3}, {1, 0, 1}, "b"), Bytes({3}, {"", "Grüße", "x"}),
             Numbers<std::uint16_t>("BF16", {3}, {0x3f80, 0xc000, 0}, "h")});
  EXPECT_TRUE(batch->column(0)->Equals(FromJson(arrow::boolean(), "[true, false, true]")));
  EXPECT_TRUE(batch->column(1)->Equals(FromJson(arrow::utf8(), R"(["", "Grüße", "x"])")));
  EXPECT_TRUE(batch->column(2)->Equals(FromJson(arrow::float32(), "[1, -2, 0]")));
}

TEST(OipToBatch, TheSameShapeGivesTheSameSchema) {
  const auto one = Batch({Numbers<float>("FP32", {1, 3}, {1, 2, 3})});
  const auto other = Batch({Numbers<float>("FP32", {2, 2}, {1, 2, 3, 4})});
  EXPECT_EQ(one->schema(), other->schema());
}

TEST(OipToBatch, BadShapes) {
  const std::vector<float> six{1, 2, 3, 4, 5, 6};
  const auto refusal = [&](std::vector<std::int64_t> shape) {
    return Refusal({Numbers<float>("FP32", std::move(shape), six)});
  };
  EXPECT_NE(refusal({}).find("no dimension"), std::string::npos);
  EXPECT_NE(refusal({-1, -6}).find("negative"), std::string::npos);
  EXPECT_NE(refusal({0, 6}).find("no rows"), std::string::npos);
  EXPECT_NE(refusal({6, 0}).find("no elements"), std::string::npos);
  EXPECT_NE(refusal({2, 4}).find("takes 32 bytes, there are 24"), std::string::npos);
  EXPECT_NE(refusal({1, 5}).find("takes 20 bytes"), std::string::npos);
  constexpr std::int64_t kHuge = std::int64_t{1} << 32;
  EXPECT_NE(refusal({kHuge, kHuge, 6}).find("2^31"), std::string::npos);
  EXPECT_NE(refusal({INT64_MAX, INT64_MAX}).find("2^31"), std::string::npos);
  EXPECT_NE(refusal({kHuge, 0}).find("2^31"), std::string::npos);
  EXPECT_NE(refusal({limits::kRowsMax + 1}).find("rows"), std::string::npos);
  EXPECT_NE(refusal(std::vector<std::int64_t>(limits::kOipDimensionsMax + 1, 1)).find("dimensions"),
            std::string::npos);
}

TEST(OipToBatch, DimensionsOfOneDoNotMultiplyMemory) {
  const std::vector<std::uint8_t> values(100'000);
  EXPECT_NE(Refusal({Numbers<std::uint8_t>("UINT8", {100'000, 1, 1, 1, 1}, values)}).find("lists"),
            std::string::npos);
  Batch({Numbers<std::uint8_t>("UINT8", {100'000, 1}, values)});
}

TEST(OipToBatch, BadTexts) {
  const auto refusal = [](std::string raw, std::vector<std::int64_t> shape) {
    http::Body body(raw);
    return Refusal({{"t", "BYTES", std::move(shape), body.owner(), body.view()}});
  };
  using namespace std::string_literals;
  EXPECT_NE(refusal("", {1}).find("not 1 BYTES"), std::string::npos);
  EXPECT_NE(refusal("\1\0\0"s, {1}).find("not 1 BYTES"), std::string::npos);
  EXPECT_NE(refusal("\2\0\0\0a"s, {1}).find("not 1 BYTES"), std::string::npos);
  EXPECT_NE(refusal("\1\0\0\0ab"s, {1}).find("not 1 BYTES"), std::string::npos);
  EXPECT_NE(refusal("\xff\xff\xff\xff"s, {1}).find("not 1 BYTES"), std::string::npos);
  EXPECT_NE(refusal("\1\0\0\0a"s, {1000}).find("not 1000 BYTES"), std::string::npos);
  EXPECT_NE(refusal("\1\0\0\0\xff"s, {1}).find("UTF-8"), std::string::npos);
  // Two halves of one character.
  EXPECT_NE(refusal("\1\0\0\0\xc3\1\0\0\0\xbc"s, {2}).find("UTF-8"), std::string::npos);
}

TEST(OipToBatch, BadSetsOfInputs) {
  const auto one = [](const std::string& name, std::int64_t rows) {
    return Numbers<std::int8_t>("INT8", {rows}, std::vector<std::int8_t>(rows), name);
  };
  EXPECT_NE(Refusal({}).find("no inputs"), std::string::npos);
  EXPECT_NE(Refusal({one("", 1)}).find("no name"), std::string::npos);
  EXPECT_NE(Refusal({one("a", 1), one("b", 1), one("a", 1)}).find("twice"), std::string::npos);
  EXPECT_NE(Refusal({one("a", 2), one("b", 3)}).find("'b': it has 3 rows"), std::string::npos);
  EXPECT_NE(Refusal({Numbers<float>("FLOAT", {1}, {1})}).find("'FLOAT'"), std::string::npos);
  EXPECT_NE(Refusal({Numbers<char>("BOOL", {1}, {2})}).find("BOOL"), std::string::npos);
  std::vector<OipTensor> many(limits::kColumnsMax + 1, one("a", 1));
  EXPECT_NE(Refusal(std::move(many)).find("inputs"), std::string::npos);
}

TEST(OipFromColumn, DenseColumnsOfAnyListType) {
  for (const auto& type :
       {arrow::list(arrow::list(arrow::int16())), arrow::large_list(arrow::list(arrow::int16())),
        arrow::fixed_size_list(arrow::list(arrow::int16()), 2)}) {
    const auto array = FromJson(type, "[[[9], [9]], [[1], [2]], [[3], [4]], [[9], [9]]]");
    auto column = OipFromColumn("y", *array->Slice(1, 2));
    ASSERT_TRUE(column.ok()) << column.status().ToString();
    EXPECT_EQ(column->shape, (std::vector<std::int64_t>{2, 2, 1}));
    std::string json;
    AppendOipJson(json, *column);
    EXPECT_EQ(json, "[1,2,3,4]");
    const OipTensor tensor = OipToTensor(*column);
    const std::vector<std::int16_t> expected{1, 2, 3, 4};
    ASSERT_EQ(tensor.bytes.size(), 8U);
    EXPECT_EQ(std::memcmp(tensor.bytes.data(), expected.data(), 8), 0);
    EXPECT_EQ(tensor.datatype, "INT16");
  }
}

TEST(OipFromColumn, SlicesOfBoolsAndTexts) {
  auto flags = OipFromColumn("b", *FromJson(arrow::boolean(), "[true, false, true]")->Slice(1));
  ASSERT_TRUE(flags.ok());
  EXPECT_EQ(OipToTensor(*flags).bytes, std::string_view("\0\1", 2));
  std::string json;
  AppendOipJson(json, *flags);
  EXPECT_EQ(json, "[false,true]");
  for (const auto& type : {arrow::utf8(), arrow::large_utf8()}) {
    auto texts = OipFromColumn("t", *FromJson(type, R"(["a", "bc", "\""])")->Slice(1));
    ASSERT_TRUE(texts.ok());
    EXPECT_EQ(OipToTensor(*texts).bytes, std::string_view("\2\0\0\0bc\1\0\0\0\"", 11));
  }
}

TEST(OipFromColumn, WhatIsNoTensor) {
  for (const auto& [type, json] :
       {std::pair{arrow::list(arrow::int8()), "[[1], [2, 3]]"},
        std::pair{arrow::struct_({arrow::field("a", arrow::int8())}), R"([{"a": 1}])"},
        std::pair{arrow::int8(), "[1, null]"}}) {
    auto column = OipFromColumn("y", *FromJson(type, json));
    ASSERT_FALSE(column.ok());
    EXPECT_EQ(column.status().code(), Code::kFailedPrecondition);
    EXPECT_NE(column.status().message().find("'y'"), std::string::npos);
  }
}

}  // namespace
}  // namespace joey::engine
