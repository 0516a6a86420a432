// Dense tensors, and the way between them and Arrow arrays.
#pragma once

#include <arrow/array.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/element_type.h"
#include "data/schema_cache.h"

namespace joey {

// What a model says of one input or output. The first dimension is the batch; -1 is any size.
struct TensorSpec {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;
};

struct Tensor {
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;
  std::shared_ptr<const void> owner;  // keeps `data` alive
  const void* data = nullptr;         // row-major; unused for strings
  std::vector<std::string> strings;   // elements of a string tensor

  std::int64_t ElementCount() const;
};

// "[?, 29]"
std::string ShapeText(std::span<const std::int64_t> shape);

// The tensor of a column for a model input. Values are borrowed, not copied, where type and layout
// already fit. Cells may be nested as the input's row shape or flat with as many values; integers
// become floats and wider numbers narrower ones where every value fits; nothing else is converted.
// Errors (kInvalidArgument): nulls, unequal lengths (naming the first row that differs), wrong
// length, wrong type.
Result<Tensor> ColumnToTensor(const arrow::Array& column, const TensorSpec& input);

// The column of a model output for `rows` rows. A first dimension of `rows` gives one cell a row:
// a value for [rows], `list<inner: T not null> not null` nested as deep as there are further
// dimensions. With one row and another first dimension the whole tensor is that row's cell.
// Otherwise kFailedPrecondition: rows in and out must be equal (guide L70-73).
Result<std::shared_ptr<arrow::Array>> TensorToColumn(Tensor tensor, std::int64_t rows,
                                                     const std::string& name);

// The values of a tensor as a flat Arrow array; numbers are borrowed. bfloat16 becomes float32.
std::shared_ptr<arrow::Array> TensorValues(Tensor& tensor);

// Flat values in row-major order as a column of shape[0] cells, each in as many lists as there are
// further dimensions. kResourceExhausted: more values than list offsets can count.
Result<std::shared_ptr<arrow::Array>> NestInLists(std::shared_ptr<arrow::Array> values,
                                                  std::span<const std::int64_t> shape,
                                                  ListFlavor flavor, const std::string& name);

}  // namespace joey
