// Shadow deployments: a champion answers, challengers see the same rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/shadow_pool.h"
#include "pipeline/step.h"

namespace joey {

// What became of one challenger's runs; read by any thread.
struct ShadowCounts {
  std::string model;
  std::atomic<std::uint64_t> answered = 0;
  std::atomic<std::uint64_t> late = 0;  // its outputs are in no answer and no log row
  std::atomic<std::uint64_t> failed = 0;
  std::atomic<std::uint64_t> skipped = 0;        // too many of its runs were under way
  std::atomic<std::uint64_t> nanos_per_row = 0;  // moving average
  std::atomic<int> running = 0;
};

// The champion is never held up by a challenger that is slow, fails or hangs: quick ones
// (limits::kShadowInlineNanosMax) run behind it on its thread, others beside it in the pool, and
// are waited for as long as the champion took, at least limits::kShadowWaitMillis. One that is
// slower on average is not waited for at all.
class ShadowStep : public Step {
 public:
  // `models`: the champion first. `pool` outlives the step.
  ShadowStep(std::vector<ModelRunner> models, ShadowPool& pool);

  const std::vector<ModelRunner>& models() const override { return models_; }
  Result<StepResult> Run(const std::shared_ptr<arrow::RecordBatch>& previous,
                         const std::shared_ptr<arrow::RecordBatch>& request) const override;

  const std::vector<std::shared_ptr<ShadowCounts>>& counts() const { return counts_; }

 private:
  struct Pending;
  bool IsQuick(std::size_t challenger, std::int64_t rows) const;
  std::shared_ptr<Pending> Post(std::size_t challenger,
                                const std::shared_ptr<arrow::RecordBatch>& previous,
                                const std::shared_ptr<arrow::RecordBatch>& request) const;

  std::vector<ModelRunner> models_;
  std::vector<std::shared_ptr<ShadowCounts>> counts_;  // of models_[i + 1]
  ShadowPool& pool_;
};

}  // namespace joey
