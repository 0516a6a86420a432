// One model of a pipeline, run on the columns of a request.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/deployment_document.h"
#include "pipeline/model_fields.h"
#include "runtime/loaded_model.h"

namespace joey {

// Immutable; Run() may be called from several threads at once.
class ModelRunner {
 public:
  // kInvalidArgument: the entry's tensor_fields do not fit the model.
  static Result<ModelRunner> Make(const ModelEntry& entry, LoadedModel model);

  const ModelReference& reference() const { return entry_.reference; }
  const ModelFields& fields() const { return fields_; }
  const std::vector<FieldSpec>& inputs() const { return fields_.inputs; }
  const std::vector<FieldSpec>& outputs() const { return fields_.outputs; }
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
  ModelFields fields_;
};

// The column of that name, or null.
std::shared_ptr<arrow::Array> FindColumn(const arrow::RecordBatch& batch, std::string_view name);

}  // namespace joey
