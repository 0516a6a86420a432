// What runs for a request: the steps of a pipeline, one after the other.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/model_runner.h"

namespace joey {

// Which model of a step answered: one for all rows, or one for each.
struct Choice {
  std::size_t model = 0;
  std::vector<std::uint32_t> by_row;  // empty: `model` for all

  std::size_t Of(std::int64_t row) const {
    return by_row.empty() ? model : by_row[static_cast<std::size_t>(row)];
  }
};

struct ShadowOutput {
  const std::string* model;  // name of the challenger
  std::shared_ptr<arrow::RecordBatch> out;
};

struct StepResult {
  std::shared_ptr<arrow::RecordBatch> out;
  Choice choice;
  std::vector<ShadowOutput> shadows;
};

// Immutable after it was made; Run() may be called from several threads at once.
class Step {
 public:
  virtual ~Step() = default;

  // All models in it; results' choices count in this order.
  virtual const std::vector<ModelRunner>& models() const = 0;
  // Of a step that chooses between its models: for each what `_model_split` shows. Otherwise none.
  virtual std::span<const std::string> split_texts() const { return {}; }
  bool splits() const { return !split_texts().empty(); }
  StepFields fields() const {
    StepFields out{{}, splits()};
    for (const ModelRunner& model : models()) out.models.push_back(model.fields());
    return out;
  }
  // `previous`: the columns of the step before; of the first step, the request's.
  virtual Result<StepResult> Run(const std::shared_ptr<arrow::RecordBatch>& previous,
                                 const std::shared_ptr<arrow::RecordBatch>& request) const = 0;
};

// One model for every row.
class ModelStep : public Step {
 public:
  explicit ModelStep(ModelRunner model) { models_.push_back(std::move(model)); }

  const std::vector<ModelRunner>& models() const override { return models_; }
  Result<StepResult> Run(const std::shared_ptr<arrow::RecordBatch>& previous,
                         const std::shared_ptr<arrow::RecordBatch>& request) const override {
    StepResult result;
    JOEY_ASSIGN_OR_RETURN(result.out, models_.front().Run(previous, *request));
    return result;
  }

 private:
  std::vector<ModelRunner> models_;
};

}  // namespace joey
