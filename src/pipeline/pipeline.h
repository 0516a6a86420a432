// A loaded pipeline: its steps in order, and the execution of one request through them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/json_records.h"
#include "data/record.h"
#include "pipeline/check_runner.h"
#include "pipeline/deployment_document.h"
#include "pipeline/shadow_step.h"
#include "pipeline/step.h"
#include "runtime/loaded_model.h"

namespace joey {

// Immutable after Make(); Execute() may be called from several threads at once.
class Pipeline {
 public:
  // Checks that the steps fit together and tensor_fields fit the models. `models` are those of
  // document.models, in order.
  static Result<std::unique_ptr<Pipeline>> Make(const DeploymentDocument& document,
                                                std::vector<LoadedModel> models);

  // How JSON columns of a request should be read: the first step's inputs.
  const std::vector<JsonColumnHint>& hints() const { return hints_; }
  // Without a split in the last step the same for all requests.
  const RecordContext& context() const { return *contexts_.front(); }
  const std::vector<std::unique_ptr<Step>>& steps() const { return steps_; }
  const std::vector<std::shared_ptr<ShadowCounts>>& shadow_counts() const { return shadow_counts_; }

  // Every column that an answer of the pipeline may have: outputs, challengers' outputs, checks.
  // Null where that is not known before there is data.
  std::optional<std::vector<std::string>> OutputNames() const;

  // Whether the answer needs no other process, so that it may come within microseconds. Challengers
  // of a shadow deployment do not count.
  bool in_process() const;

  // Runs all rows of `in` through the steps. A step takes its inputs by name from the columns of
  // the step before it, then from the request's own columns. Columns that no step takes pass
  // through. `parse_ns` is what reading the request took (metadata.elapsed).
  Result<InferenceRecord> Execute(std::shared_ptr<arrow::RecordBatch> in, std::int64_t time_ms,
                                  std::uint64_t parse_ns) const;

 private:
  struct Flow;
  Pipeline() = default;
  void MakeContexts(const DeploymentDocument& document);
  void MakeHints();

  std::vector<std::shared_ptr<const RecordContext>> contexts_;  // one per model of the last step
  std::vector<std::unique_ptr<Step>> steps_;
  std::unique_ptr<CheckRunner> checks_;  // null: none
  std::vector<JsonColumnHint> hints_;
  std::vector<std::shared_ptr<ShadowCounts>> shadow_counts_;
  std::unique_ptr<ShadowPool> shadow_pool_;  // behind the steps: its threads end before them
};

}  // namespace joey
