// A/B tests: each request, or each row that carries a key, meets one of several models.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/plan.h"
#include "pipeline/step.h"

namespace joey {

// Where a key lies in [0, 1): the same for the same text in every engine and release.
double UnitHash(std::string_view key);

// Without a key column in the request, a random split draws once per request and a value split
// takes its control. With one, each row is decided by its own value: by hash and weights, or by
// the route of that value (guide L7404-7446).
class SplitStep : public Step {
 public:
  // `node` is a kRandomSplit or kValueSplit; `models` are its models, in order.
  SplitStep(const PlanNode& node, std::vector<ModelRunner> models);

  const std::vector<ModelRunner>& models() const override { return models_; }
  std::span<const std::string> split_texts() const override { return texts_; }
  // kInvalidArgument: rows of one request met models whose outputs differ.
  Result<StepResult> Run(const std::shared_ptr<arrow::RecordBatch>& previous,
                         const std::shared_ptr<arrow::RecordBatch>& request) const override;

 private:
  Choice Choose(const arrow::RecordBatch& previous, const arrow::RecordBatch& request) const;
  std::size_t RouteOf(std::string_view key) const;
  std::size_t AtWeight(double unit) const;
  Result<StepResult> RunByRow(Choice choice, const std::shared_ptr<arrow::RecordBatch>& previous,
                              const std::shared_ptr<arrow::RecordBatch>& request) const;

  std::vector<ModelRunner> models_;
  std::vector<std::string> texts_;
  std::string key_;
  std::vector<double> ends_;         // random: cumulated weights, the last is 1
  std::vector<std::string> routes_;  // by value: of models_[i + 1]
};

}  // namespace joey
