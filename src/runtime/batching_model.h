// Adaptive batching: requests that wait for a busy model run together.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/model.h"

namespace joey {

// For metrics.
struct BatchCounts {
  std::atomic<std::uint64_t> batched_requests = 0;  // that shared a run with another
  std::atomic<std::uint64_t> split_again = 0;       // batches that failed and were run one by one
};

// There is no delay: a request that finds a free slot runs at once and alone. Those that find all
// slots taken wait in line; the first of them takes as many as fit with it when a slot is free.
//
// A model may mix rows (a mean over the batch). The first batches are therefore run one by one as
// well and compared; a model whose answers differ is never batched again.
class BatchingModel : public Model {
 public:
  // Whether every input and output of `model` has a free first dimension.
  static bool Fits(const Model& model);

  // `slots`: runs at the same time.
  BatchingModel(std::shared_ptr<const Model> model, int slots);

  const std::vector<TensorSpec>& inputs() const override { return model_->inputs(); }
  const std::vector<TensorSpec>& outputs() const override { return model_->outputs(); }
  Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs) const override;

  const BatchCounts& counts() const { return counts_; }
  std::size_t waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  bool batches() const { return !mixes_rows_.load(std::memory_order_relaxed); }

 private:
  struct Waiter;
  using Group = std::vector<Waiter*>;

  Result<std::vector<Tensor>> RunAlone(std::span<const Tensor> inputs) const;
  Result<std::vector<Tensor>> RunInLine(std::span<const Tensor> inputs) const;
  Group TakeGroup() const;  // with mutex_ held; the front and what fits with it
  void RunGroup(const Group& group) const;
  void RunOneByOne(const Group& group) const;
  bool RunTogether(const Group& group) const;
  void Compare(const Group& group, const std::vector<Tensor>& together) const;
  void FreeSlot() const;

  std::shared_ptr<const Model> model_;
  mutable std::mutex mutex_;
  mutable int free_slots_;
  mutable std::deque<Waiter*> waiting_;
  mutable BatchCounts counts_;
  mutable std::atomic<int> compared_ = 0;
  mutable std::atomic<bool> mixes_rows_ = false;
};

}  // namespace joey
