// Spool frames back into Arrow: one flat batch of many records. Internal to engine.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/record.h"

namespace joey::engine {

// What a schema frame says.
struct LogSchema {
  RecordContext context;
  std::shared_ptr<arrow::Schema> in;
  std::shared_ptr<arrow::Schema> out;
  std::shared_ptr<arrow::Schema> extra;  // null: the records have none
};

// kDataLoss for a damaged payload.
Result<LogSchema> ReadSchemaPayload(std::string_view payload);

// Gathers record frames of one schema by copying their buffers behind each other, then wraps these
// as one batch: time, in.*, out.*, out_<model>.*, anomaly.* or check_failures, metadata.*.
class LogAssembler {
 public:
  explicit LogAssembler(const LogSchema& schema);
  ~LogAssembler();

  // kDataLoss: the payload is damaged; nothing of it was added.
  Status Add(std::string_view payload);
  std::int64_t rows() const;
  std::size_t bytes() const;  // of column data, about
  // Once.
  std::shared_ptr<arrow::RecordBatch> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::engine
