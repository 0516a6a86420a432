// OIP tensors to columns and back, whatever their encoding.
#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/element_type.h"
#include "engine/oip.h"

namespace joey::engine {

// kInvalidArgument that names the tensor.
Status OipProblem(std::string_view tensor, std::string what, std::string hint);

// "FP32", "BYTES" …
std::string_view OipDatatype(ElementType type);
// InvalidArgument names `tensor` and the datatypes that there are.
Result<ElementType> ParseOipDatatype(std::string_view datatype, std::string_view tensor);

// Number of elements. InvalidArgument: no dimension, too many, one of 0 or less, too many rows, a
// product that overflows.
Result<std::int64_t> OipElementCount(const std::vector<std::int64_t>& shape,
                                     std::string_view tensor);

// One column per tensor, named like it: scalars of [n], lists as deep as there are further
// dimensions otherwise. Numbers stay where they are when they are aligned to their size.
// InvalidArgument: no tensors or too many, a name twice, unequal numbers of rows, bytes that do not
// fit datatype and shape, text that is not UTF-8, and what the functions above say.
Result<std::shared_ptr<arrow::RecordBatch>> OipToBatch(std::vector<OipTensor> tensors);

// A column of an answer as a dense tensor: `count` values of `values` from `offset` on.
struct OipColumn {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;
  std::shared_ptr<const arrow::ArrayData> values;
  std::int64_t offset = 0;  // counted from the start of the buffers
  std::int64_t count = 0;
};

// kFailedPrecondition for what no tensor can be: rows of unequal length, structs, dates.
Result<OipColumn> OipFromColumn(std::string name, const arrow::Array& column);

// Numbers are borrowed from the column, not copied.
OipTensor OipToTensor(OipColumn column);
// The values as one flat JSON list; NaN and infinities as null.
void AppendOipJson(std::string& out, const OipColumn& column);

}  // namespace joey::engine
