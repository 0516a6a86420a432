#include "data/tensor.h"

#include <arrow/api.h>
#include <gtest/gtest.h>

namespace joey {
namespace {

template <typename Builder, typename T>
std::shared_ptr<arrow::Array> ArrayOf(const std::vector<T>& values) {
  Builder builder;
  for (const T& value : values) EXPECT_TRUE(builder.Append(value).ok());
  return *builder.Finish();
}

std::shared_ptr<arrow::Array> Lists(std::vector<std::int32_t> ends,
                                    std::shared_ptr<arrow::Array> values) {
  auto offsets = ArrayOf<arrow::Int32Builder>(ends);
  return *arrow::ListArray::FromArrays(*offsets, *values);
}

const std::vector<float> kSix{1, 2, 3, 4, 5, 6};

TEST(ColumnToTensor, FloatsAreBorrowed) {
  auto values = ArrayOf<arrow::FloatBuilder>(kSix);
  auto tensor = ColumnToTensor(*Lists({0, 3, 6}, values), {"x", ElementType::kFloat32, {-1, 3}});
  ASSERT_TRUE(tensor.ok()) << tensor.status().ToString();
  EXPECT_EQ(tensor->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(tensor->data, values->data()->buffers[1]->data());
}

TEST(ColumnToTensor, ASliceBeginsAtItsRow) {
  auto column = Lists({0, 2, 4, 6}, ArrayOf<arrow::FloatBuilder>(kSix))->Slice(1, 2);
  auto tensor = ColumnToTensor(*column, {"x", ElementType::kFloat32, {-1, 2}});
  ASSERT_TRUE(tensor.ok());
  EXPECT_EQ(static_cast<const float*>(tensor->data)[0], 3);
  EXPECT_EQ(tensor->shape[0], 2);
}

TEST(ColumnToTensor, FlatCellsTakeTheModelsShape) {
  auto column = Lists({0, 6}, ArrayOf<arrow::FloatBuilder>(kSix));
  auto tensor = ColumnToTensor(*column, {"x", ElementType::kFloat32, {-1, 3, 2}});
  ASSERT_TRUE(tensor.ok());
  EXPECT_EQ(tensor->shape, (std::vector<std::int64_t>{1, 3, 2}));
  tensor = ColumnToTensor(*column, {"x", ElementType::kFloat32, {1, -1, 2}});
  ASSERT_TRUE(tensor.ok());
  EXPECT_EQ(tensor->shape, (std::vector<std::int64_t>{1, 3, 2}));
}

TEST(ColumnToTensor, NumbersAreConvertedWhereTheyFit) {
  auto doubles = ArrayOf<arrow::DoubleBuilder>(std::vector<double>{1.5, 2.5});
  auto integers = ArrayOf<arrow::Int64Builder>(std::vector<std::int64_t>{1, 300});
  EXPECT_TRUE(ColumnToTensor(*doubles, {"x", ElementType::kFloat32, {-1}}).ok());
  EXPECT_TRUE(ColumnToTensor(*doubles, {"x", ElementType::kFloat16, {-1}}).ok());
  EXPECT_TRUE(ColumnToTensor(*doubles, {"x", ElementType::kBFloat16, {-1, 1}}).ok());
  EXPECT_TRUE(ColumnToTensor(*integers, {"x", ElementType::kInt16, {-1}}).ok());
  EXPECT_TRUE(ColumnToTensor(*integers, {"x", ElementType::kFloat64, {-1}}).ok());
  EXPECT_FALSE(ColumnToTensor(*integers, {"x", ElementType::kUInt8, {-1}}).ok());
  EXPECT_FALSE(ColumnToTensor(*doubles, {"x", ElementType::kInt64, {-1}}).ok());
  EXPECT_FALSE(ColumnToTensor(*doubles, {"x", ElementType::kString, {-1}}).ok());
  EXPECT_FALSE(ColumnToTensor(*doubles, {"x", ElementType::kBool, {-1}}).ok());
}

TEST(ColumnToTensor, RaggedWrongAndMissingValuesAreNamed) {
  auto values = ArrayOf<arrow::FloatBuilder>(kSix);
  auto ragged = ColumnToTensor(*Lists({0, 2, 6}, values), {"x", ElementType::kFloat32, {-1, 2}});
  ASSERT_FALSE(ragged.ok());
  EXPECT_NE(ragged.status().message().find("row 1"), std::string::npos);
  auto wrong = ColumnToTensor(*Lists({0, 3, 6}, values), {"x", ElementType::kFloat32, {-1, 29}});
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().hint().find("29"), std::string::npos);
  arrow::FloatBuilder builder;
  ASSERT_TRUE(builder.AppendNull().ok());
  EXPECT_FALSE(ColumnToTensor(**builder.Finish(), {"x", ElementType::kFloat32, {-1}}).ok());
}

Tensor FloatTensor(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  Tensor tensor;
  auto owner = std::make_shared<std::vector<float>>(values);
  tensor.shape = std::move(shape);
  tensor.data = owner->data();
  tensor.owner = std::move(owner);
  return tensor;
}

TEST(TensorToColumn, OneCellARow) {
  auto column = TensorToColumn(FloatTensor(kSix, {2, 3}), 2, "y");
  ASSERT_TRUE(column.ok());
  EXPECT_EQ((*column)->type()->ToString(), "list<inner: float not null>");
  EXPECT_EQ((*column)->length(), 2);
  EXPECT_TRUE((*column)->ValidateFull().ok());
  EXPECT_EQ((*TensorToColumn(FloatTensor(kSix, {6}), 6, "y"))->type()->ToString(), "float");
  EXPECT_EQ((*TensorToColumn(FloatTensor(kSix, {1, 3, 2}), 1, "y"))->type()->ToString(),
            "list<inner: list<inner: float not null> not null>");
}

TEST(TensorToColumn, RowsInAndOutMustBeEqual) {
  EXPECT_TRUE(TensorToColumn(FloatTensor(kSix, {3, 2}), 1, "y").ok());  // one row's detections
  auto column = TensorToColumn(FloatTensor(kSix, {3, 2}), 2, "y");
  ASSERT_FALSE(column.ok());
  EXPECT_EQ(column.status().code(), Code::kFailedPrecondition);
}

TEST(TensorToColumn, BooleansAndStrings) {
  Tensor flags;
  auto bytes = std::make_shared<std::vector<std::uint8_t>>(std::vector<std::uint8_t>{1, 0, 1});
  flags.type = ElementType::kBool;
  flags.shape = {3};
  flags.data = bytes->data();
  flags.owner = bytes;
  EXPECT_EQ((*TensorToColumn(flags, 3, "y"))->ToString(), "[\n  true,\n  false,\n  true\n]");
  Tensor texts;
  texts.type = ElementType::kString;
  texts.shape = {2, 1};
  texts.strings = {"a", ""};
  auto column = TensorToColumn(texts, 2, "y");
  ASSERT_TRUE(column.ok());
  EXPECT_TRUE((*column)->ValidateFull().ok());
}

}  // namespace
}  // namespace joey
