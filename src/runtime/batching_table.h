// Micro-batching of models in workers: requests that wait for a busy worker run together.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/table_model.h"

namespace joey {

// There is no delay: a request that finds a free worker runs at once and alone. Those that find all
// taken wait in line; the first of them takes what fits with it when one is free. When such a batch
// fails each of its requests runs alone: a row that fails, or kills the worker, is that of its own
// request. The first batches are run one by one as well and compared: a model whose rows are not
// independent is never batched again.
class BatchingTable final : public TableModel {
 public:
  // `slots`: requests that the model runs at the same time.
  BatchingTable(std::shared_ptr<const TableModel> model, int slots);

  const std::shared_ptr<arrow::Schema>& input_schema() const override {
    return model_->input_schema();
  }
  const std::shared_ptr<arrow::Schema>& output_schema() const override {
    return model_->output_schema();
  }
  Result<std::shared_ptr<arrow::RecordBatch>> Run(
      std::shared_ptr<arrow::RecordBatch> in) const override;

  std::size_t waiting() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  struct Waiter;
  using Group = std::vector<Waiter*>;

  Group TakeGroup() const;  // with mutex_ held; the front and what fits with it
  void RunGroup(const Group& group) const;
  Status RunTogether(const Group& group) const;
  bool SameAlone(const Group& group) const;
  void FreeSlot() const;

  const std::shared_ptr<const TableModel> model_;
  mutable std::mutex mutex_;
  mutable int free_slots_;
  mutable std::deque<Waiter*> waiting_;
  mutable std::atomic<int> compared_ = 0;
  mutable std::atomic<bool> mixes_rows_ = false;
};

}  // namespace joey
