// One model of a pipeline, run on the columns of a request.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/deployment_document.h"
#include "runtime/loaded_model.h"

namespace joey {

// What is known of a column before there is data.
struct FieldSpec {
  std::string name;
  std::optional<ElementType> type;
  std::optional<std::int64_t> row_elements;  // values of one row
  std::optional<int> dimensions;             // lists around a value: 0 for a plain column
};

// Immutable; Run() may be called from several threads at once.
class ModelRunner {
 public:
  // kInvalidArgument: the entry's tensor_fields do not fit the model.
  static Result<ModelRunner> Make(const ModelEntry& entry, LoadedModel model);

  const ModelReference& reference() const { return entry_.reference; }
  // Columns it takes, by the names they have in the pipeline; empty where it takes what there is.
  const std::vector<FieldSpec>& inputs() const { return inputs_; }
  // Columns it gives; empty where nothing was declared.
  const std::vector<FieldSpec>& outputs() const { return outputs_; }
  // Whether it runs in this process, where a small model costs microseconds.
  bool in_process() const { return model_.tensors != nullptr; }

  // Takes its inputs by name from `previous`, the columns of the step before, then from `request`.
  Result<std::shared_ptr<arrow::RecordBatch>> Run(
      const std::shared_ptr<arrow::RecordBatch>& previous, const arrow::RecordBatch& request) const;

 private:
  ModelRunner(ModelEntry entry, LoadedModel model)
      : entry_(std::move(entry)), model_(std::move(model)) {}
  Result<std::shared_ptr<arrow::RecordBatch>> RunTensors(const arrow::RecordBatch& previous,
                                                         const arrow::RecordBatch& request) const;
  Result<std::shared_ptr<arrow::RecordBatch>> RunTables(
      const std::shared_ptr<arrow::RecordBatch>& previous, const arrow::RecordBatch& request) const;
  Status MissingColumn(const std::string& wanted, const arrow::RecordBatch& have) const;

  ModelEntry entry_;
  LoadedModel model_;
  std::vector<TensorSpec> tensor_inputs_;  // the model's, named as in the pipeline
  std::vector<FieldSpec> inputs_;
  std::vector<FieldSpec> outputs_;
};

// The column of that name, or null.
std::shared_ptr<arrow::Array> FindColumn(const arrow::RecordBatch& batch, std::string_view name);

}  // namespace joey
