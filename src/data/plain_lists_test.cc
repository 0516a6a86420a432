#include "data/plain_lists.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace joey {
namespace {

std::shared_ptr<arrow::Array> Floats(int count) {
  arrow::FloatBuilder builder;
  for (int i = 0; i < count; ++i) EXPECT_TRUE(builder.Append(static_cast<float>(i)).ok());
  return *builder.Finish();
}

std::shared_ptr<arrow::Array> Fixed(std::shared_ptr<arrow::Array> values, int width) {
  return *arrow::FixedSizeListArray::FromArrays(std::move(values), width);
}

std::shared_ptr<arrow::RecordBatch> Batch(std::shared_ptr<arrow::Array> column) {
  auto schema = arrow::schema({arrow::field("x", column->type())});
  return arrow::RecordBatch::Make(schema, column->length(), {column});
}

TEST(PlainLists, SameValuesWithoutACopy) {
  auto values = Floats(6);
  auto out = WithPlainLists(Batch(Fixed(values, 3)));
  ASSERT_TRUE(out->ValidateFull().ok());
  EXPECT_EQ(out->column(0)->type()->ToString(), "list<item: float>");
  const auto& lists = static_cast<const arrow::ListArray&>(*out->column(0));
  EXPECT_EQ(lists.value_offset(1), 3);
  EXPECT_EQ(lists.value_length(1), 3);
  EXPECT_EQ(out->column_data(0)->child_data[0]->buffers[1], values->data()->buffers[1]);
}

TEST(PlainLists, SlicesKeepTheirPlace) {
  auto out = WithPlainLists(Batch(Fixed(Floats(12), 3)->Slice(2, 2)));
  ASSERT_TRUE(out->ValidateFull().ok());
  const auto& lists = static_cast<const arrow::ListArray&>(*out->column(0));
  EXPECT_TRUE(lists.value_slice(0)->Equals(*Floats(9)->Slice(6)));
  EXPECT_TRUE(lists.value_slice(1)->Equals(*Floats(12)->Slice(9)));
}

TEST(PlainLists, AtEveryDepth) {
  auto image = Fixed(Fixed(Floats(12), 3), 2);
  auto out = WithPlainLists(Batch(image));
  ASSERT_TRUE(out->ValidateFull().ok());
  EXPECT_EQ(out->column(0)->type()->ToString(), "list<item: list<item: float>>");
  auto offsets = Fixed(Floats(12), 3);
  arrow::Int32Builder builder;
  ASSERT_TRUE(builder.AppendValues({0, 1, 4}).ok());
  auto outer = *arrow::ListArray::FromArrays(**builder.Finish(), *offsets);
  out = WithPlainLists(Batch(outer));
  ASSERT_TRUE(out->ValidateFull().ok());
  EXPECT_EQ(out->column(0)->type()->ToString(), "list<item: list<item: float>>");
}

TEST(PlainLists, NoWidthAndOtherTypes) {
  auto empty = std::make_shared<arrow::FixedSizeListArray>(
      arrow::fixed_size_list(arrow::float32(), 0), 3, Floats(0));
  auto out = WithPlainLists(Batch(empty));
  ASSERT_TRUE(out->ValidateFull().ok());
  EXPECT_EQ(out->num_rows(), 3);
  auto plain = Batch(Floats(4));
  EXPECT_EQ(WithPlainLists(plain), plain);
}

}  // namespace
}  // namespace joey
