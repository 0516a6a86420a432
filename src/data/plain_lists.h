// Fixed-size lists as ordinary lists over the same values.
#pragma once

#include <arrow/record_batch.h>

#include <memory>

namespace joey {

// `batch` with every fixed-size list, at any depth, as list<item: T> over the same value buffers:
// answers and logs show inputs in one form, however the client sent them. `batch` must be valid
// and without nulls. A column with more values than 32-bit offsets reach stays as it is.
std::shared_ptr<arrow::RecordBatch> WithPlainLists(std::shared_ptr<arrow::RecordBatch> batch);

}  // namespace joey
