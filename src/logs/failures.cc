#include "logs/failures.h"

namespace joey::logs {

Failures::Failures(const arrow::RecordBatch& batch)
    : counts_(std::static_pointer_cast<arrow::UInt32Array>(batch.GetColumnByName("anomaly.count"))),
      lists_(std::static_pointer_cast<arrow::ListArray>(batch.GetColumnByName("check_failures"))) {}

std::int64_t CountFailures(const arrow::RecordBatch& batch) {
  const Failures failures(batch);
  std::int64_t count = 0;
  for (std::int64_t row = 0; row < batch.num_rows(); ++row) count += failures.Has(row) ? 1 : 0;
  return count;
}

}  // namespace joey::logs
