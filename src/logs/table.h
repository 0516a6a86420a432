// The table of one page of a log, row by row.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/dataset.h"

namespace joey::logs {

class PageTable {
 public:
  PageTable(const Dataset& dataset, bool reversed) : dataset_(dataset), reversed_(reversed) {}

  enum class Added { kYes, kOtherSchema, kNoRoom };
  // Adds one row. Not when the selected columns are others than before (in any order), or when the
  // page would grow over limits::kLogAnswerBytesMax; the first row always fits.
  Added Add(const std::shared_ptr<arrow::RecordBatch>& batch, std::int64_t row);

  std::int64_t rows() const { return rows_; }

  // Flat columns with `separator`, or nested ones without. No rows: only the column `time`.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish(std::string_view separator) const;

 private:
  // Rows of one batch that follow each other; backwards when the page is reversed.
  struct Run {
    std::shared_ptr<arrow::RecordBatch> columns;  // selected
    std::int64_t first = 0;
    std::int64_t count = 0;
  };

  bool Select(const std::shared_ptr<arrow::RecordBatch>& batch);
  bool Join(const arrow::Schema& other, bool same_version);
  Result<std::shared_ptr<arrow::Array>> Column(int index) const;
  Result<std::shared_ptr<arrow::Array>> Nested(const std::string& group) const;

  const Dataset& dataset_;
  const bool reversed_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> source_;    // the last batch …
  std::shared_ptr<arrow::RecordBatch> selected_;  // … and its selected columns
  std::vector<Run> runs_;
  std::int64_t rows_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace joey::logs
