// A loaded pipeline: its models in order, and the execution of one request through them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/json_records.h"
#include "data/record.h"
#include "pipeline/deployment_document.h"
#include "runtime/model.h"

namespace joey {

struct Step {
  ModelEntry entry;
  std::shared_ptr<const Model> model;
  std::vector<TensorSpec> inputs;  // the model's, named as the configured tensor_fields
};

// Immutable after Make(); Execute() may be called from several threads at once.
class Pipeline {
 public:
  // Checks that tensor_fields fit the models. `models` are those of document.models, in order.
  static Result<std::unique_ptr<Pipeline>> Make(const DeploymentDocument& document,
                                                std::vector<std::shared_ptr<const Model>> models);

  // How JSON columns of a request should be read: the first step's inputs.
  const std::vector<JsonColumnHint>& hints() const { return hints_; }
  const RecordContext& context() const { return *context_; }
  const std::vector<Step>& steps() const { return steps_; }

  // Runs all rows of `in` through the steps. A step takes its inputs by name from the columns of
  // the step before it, then from the request's own columns. Columns that no step takes pass
  // through. `parse_ns` is what reading the request took (metadata.elapsed).
  Result<InferenceRecord> Execute(std::shared_ptr<arrow::RecordBatch> in, std::int64_t time_ms,
                                  std::uint64_t parse_ns) const;

 private:
  Pipeline() = default;
  Result<std::shared_ptr<arrow::RecordBatch>> RunStep(const Step& step,
                                                      const arrow::RecordBatch& previous,
                                                      const arrow::RecordBatch& request) const;

  std::shared_ptr<const RecordContext> context_;
  std::vector<Step> steps_;
  std::vector<JsonColumnHint> hints_;
};

}  // namespace joey
