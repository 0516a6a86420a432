#include "runtime/batching_table.h"

#include <arrow/array/concatenate.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <utility>

#include "base/limits.h"

namespace joey {
namespace {

constexpr int kComparedBatches = 3;
constexpr double kTolerance = 1e-4;

// Arrays of their own: what comes later need not know of slices.
Result<std::shared_ptr<arrow::RecordBatch>> Joined(
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& parts) {
  arrow::ArrayVector columns;
  std::int64_t rows = 0;
  for (const auto& part : parts) rows += part->num_rows();
  for (int i = 0; i < parts.front()->num_columns(); ++i) {
    arrow::ArrayVector pieces;
    for (const auto& part : parts) pieces.push_back(part->column(i));
    auto whole = arrow::Concatenate(pieces);
    if (!whole.ok()) return Internal("cannot join requests: " + whole.status().ToString());
    columns.push_back(std::move(*whole));
  }
  return arrow::RecordBatch::Make(parts.front()->schema(), rows, std::move(columns));
}

}  // namespace

// One request in line; lives on its thread's stack.
struct BatchingTable::Waiter {
  std::shared_ptr<arrow::RecordBatch> in;
  std::condition_variable wake;
  bool leads = false;  // it has a slot and runs the group
  bool done = false;
  Result<std::shared_ptr<arrow::RecordBatch>> result = Internal("not run");
};

BatchingTable::BatchingTable(std::shared_ptr<const TableModel> model, int slots)
    : model_(std::move(model)), free_slots_(slots) {}

Result<std::shared_ptr<arrow::RecordBatch>> BatchingTable::Run(
    std::shared_ptr<arrow::RecordBatch> in) const {
  if (mixes_rows_ || in->num_rows() > limits::kBatchRowsMax) return model_->Run(std::move(in));
  Waiter me;
  me.in = std::move(in);
  Group group = {&me};
  {
    std::unique_lock lock(mutex_);
    if (free_slots_ > 0) {
      --free_slots_;
    } else {
      waiting_.push_back(&me);
      me.wake.wait(lock, [&] { return me.leads || me.done; });
      if (me.done) return std::move(me.result);
      group = TakeGroup();
    }
  }
  RunGroup(group);
  FreeSlot();
  {
    std::lock_guard lock(mutex_);
    for (Waiter* waiter : group) {
      if (waiter == &me) continue;
      waiter->done = true;
      waiter->wake.notify_one();
    }
  }
  return std::move(me.result);
}

BatchingTable::Group BatchingTable::TakeGroup() const {
  Group group = {waiting_.front()};
  waiting_.pop_front();
  std::int64_t rows = group.front()->in->num_rows();
  while (!waiting_.empty() && !mixes_rows_) {
    Waiter* next = waiting_.front();
    rows += next->in->num_rows();
    if (rows > limits::kBatchRowsMax) break;
    if (!next->in->schema()->Equals(*group.front()->in->schema(), false)) break;
    group.push_back(next);
    waiting_.pop_front();
  }
  return group;
}

void BatchingTable::FreeSlot() const {
  std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    ++free_slots_;
    return;
  }
  waiting_.front()->leads = true;
  waiting_.front()->wake.notify_one();
}

void BatchingTable::RunGroup(const Group& group) const {
  if (group.size() > 1 && RunTogether(group).ok()) {
    if (compared_ >= kComparedBatches || SameAlone(group)) return;
    mixes_rows_ = true;
    spdlog::info("a model gives other answers in batches; its requests run alone from now on");
    return;
  }
  for (Waiter* waiter : group) waiter->result = model_->Run(waiter->in);
}

Status BatchingTable::RunTogether(const Group& group) const {
  std::vector<std::shared_ptr<arrow::RecordBatch>> parts;
  for (const Waiter* waiter : group) parts.push_back(waiter->in);
  JOEY_ASSIGN_OR_RETURN(auto joined, Joined(parts));
  JOEY_ASSIGN_OR_RETURN(auto all, model_->Run(std::move(joined)));
  std::int64_t begin = 0;
  for (Waiter* waiter : group) {
    const std::int64_t rows = waiter->in->num_rows();
    JOEY_ASSIGN_OR_RETURN(waiter->result, Joined({all->Slice(begin, rows)}));
    begin += rows;
  }
  return {};
}

// Whether each request alone gives what it was given in the batch. Afterwards the results are those
// of the requests alone.
bool BatchingTable::SameAlone(const Group& group) const {
  ++compared_;
  bool same = true;
  for (Waiter* waiter : group) {
    Result<std::shared_ptr<arrow::RecordBatch>> alone = model_->Run(waiter->in);
    if (!alone.ok()) {
      same = false;
    } else {
      same = same && (*alone)->ApproxEquals(
                         **waiter->result,
                         arrow::EqualOptions::Defaults().atol(kTolerance).nans_equal(true));
    }
    waiter->result = std::move(alone);
  }
  return same;
}

}  // namespace joey
