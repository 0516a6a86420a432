// Log rows as Arrow: what is accepted from engines, and the payload of a block.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace joey::logs {

// Rows of a payload are batches of this many (the last one fewer), so that a page of a big block
// does not unpack all of it.
inline constexpr std::int64_t kRowsPerBatch = 1024;

struct LogRows {
  std::shared_ptr<arrow::RecordBatch> batch;
  std::int64_t time_min = 0;
  std::int64_t time_max = 0;
};

// Reads an Arrow IPC stream of an engine and checks everything: validity, names, types, no time
// missing. InvalidArgument otherwise. The columns borrow `bytes`.
Result<LogRows> DecodeRows(std::string_view bytes);

// An Arrow IPC file of compressed batches of kRowsPerBatch rows.
Result<std::shared_ptr<arrow::Buffer>> EncodePayload(const arrow::RecordBatch& batch);

// A payload that is read batch by batch. One thread at a time.
class Payload {
 public:
  // DataLoss when the bytes are no payload of a block. The schema's metadata is dropped.
  static Result<std::unique_ptr<Payload>> Open(std::string bytes);
  virtual ~Payload() = default;

  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  // From now on batches hold only the columns for which `wanted` is true, at least one: others are
  // not unpacked.
  virtual Status Select(const std::function<bool(std::string_view column)>& wanted) = 0;
  // Rows [index * kRowsPerBatch, …), validated.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch(std::int64_t index) = 0;
};

}  // namespace joey::logs
