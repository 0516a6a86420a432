// A loaded model that takes and gives tables instead of tensors: Python steps and other workers.
#pragma once

#include <arrow/record_batch.h>

#include <memory>

#include "base/status.h"

namespace joey {

// Loaded and ready. Run() may be called from several threads at once.
class TableModel {
 public:
  virtual ~TableModel() = default;

  // What it takes and gives; null where nothing was declared.
  virtual const std::shared_ptr<arrow::Schema>& input_schema() const = 0;
  virtual const std::shared_ptr<arrow::Schema>& output_schema() const = 0;

  // One table in, one out, of any number of rows. Where an output schema is declared, the result
  // has exactly its columns.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Run(
      std::shared_ptr<arrow::RecordBatch> in) const = 0;
};

}  // namespace joey
