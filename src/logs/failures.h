// Which log rows broke a validation of their pipeline: anomaly.count above 0, or something in
// check_failures.
#pragma once

#include <arrow/array/array_nested.h>
#include <arrow/array/array_primitive.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>

namespace joey::logs {

class Failures {
 public:
  Failures() = default;
  // Of rows that DecodeRows or Payload accepted.
  explicit Failures(const arrow::RecordBatch& batch);

  bool Has(std::int64_t row) const {
    return (counts_ != nullptr && counts_->IsValid(row) && counts_->Value(row) > 0) ||
           (lists_ != nullptr && lists_->IsValid(row) && lists_->value_length(row) > 0);
  }

 private:
  std::shared_ptr<arrow::UInt32Array> counts_;
  std::shared_ptr<arrow::ListArray> lists_;
};

// How many rows of the batch broke a validation.
std::int64_t CountFailures(const arrow::RecordBatch& batch);

}  // namespace joey::logs
