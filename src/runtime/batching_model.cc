#include "runtime/batching_model.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <new>
#include <utility>

#include "base/limits.h"

namespace joey {

namespace {

constexpr int kComparedBatches = 3;
constexpr double kTolerance = 1e-3;  // batch sizes change sums of floats in their last bits

std::int64_t RowsOf(std::span<const Tensor> inputs) {
  return inputs.empty() || inputs[0].shape.empty() ? 0 : inputs[0].shape[0];
}

std::size_t BytesOf(std::span<const Tensor> inputs) {
  std::size_t sum = 0;
  for (const Tensor& tensor : inputs) {
    sum += static_cast<std::size_t>(tensor.ElementCount()) *
           std::max<std::size_t>(16 * (tensor.type == ElementType::kString ? 1 : 0),
                                 ElementSize(tensor.type));
  }
  return sum;
}

// All have the same number of rows, so that they can stand behind each other.
bool IsRowwise(std::span<const Tensor> inputs) {
  const std::int64_t rows = RowsOf(inputs);
  return rows > 0 && std::all_of(inputs.begin(), inputs.end(), [&](const Tensor& tensor) {
           return !tensor.shape.empty() && tensor.shape[0] == rows;
         });
}

bool SameRowShapes(std::span<const Tensor> a, std::span<const Tensor> b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].type != b[i].type || a[i].shape.size() != b[i].shape.size() ||
        !std::equal(a[i].shape.begin() + 1, a[i].shape.end(), b[i].shape.begin() + 1)) {
      return false;
    }
  }
  return a.size() == b.size();
}

// Rows [begin, begin + rows) of a tensor, sharing its memory.
Tensor RowsFrom(const Tensor& tensor, std::int64_t begin, std::int64_t rows) {
  Tensor out;
  out.type = tensor.type;
  out.shape = tensor.shape;
  const std::int64_t each = tensor.shape[0] == 0 ? 0 : tensor.ElementCount() / tensor.shape[0];
  out.shape[0] = rows;
  if (tensor.type == ElementType::kString) {
    out.strings.assign(tensor.strings.begin() + begin * each,
                       tensor.strings.begin() + (begin + rows) * each);
  } else {
    out.owner = tensor.owner;
    out.data = static_cast<const char*>(tensor.data) +
               static_cast<std::size_t>(begin * each) * ElementSize(tensor.type);
  }
  return out;
}

bool Alike(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b)) ||
         std::abs(a - b) <= kTolerance * std::max({1e-3, std::abs(a), std::abs(b)});
}

template <typename T>
bool AlikeValues(const Tensor& a, const Tensor& b) {
  const auto* x = static_cast<const T*>(a.data);
  const auto* y = static_cast<const T*>(b.data);
  return std::equal(x, x + a.ElementCount(), y, [](T left, T right) {
    return Alike(static_cast<double>(left), static_cast<double>(right));
  });
}

bool AlikeTensors(const Tensor& a, const Tensor& b) {
  if (a.type != b.type || a.shape != b.shape) return false;
  switch (a.type) {
    case ElementType::kFloat32:
      return AlikeValues<float>(a, b);
    case ElementType::kFloat64:
      return AlikeValues<double>(a, b);
    case ElementType::kFloat16:
    case ElementType::kBFloat16:
      return true;  // too coarse to tell rounding from mixing
    case ElementType::kString:
      return a.strings == b.strings;
    default:
      return std::memcmp(a.data, b.data,
                         static_cast<std::size_t>(a.ElementCount()) * ElementSize(a.type)) == 0;
  }
}

Tensor Joined(const std::vector<std::span<const Tensor>>& parts, std::size_t input,
              std::int64_t rows) {
  Tensor out;
  out.type = parts[0][input].type;
  out.shape = parts[0][input].shape;
  out.shape[0] = rows;
  if (out.type == ElementType::kString) {
    for (const auto& part : parts) {
      out.strings.insert(out.strings.end(), part[input].strings.begin(), part[input].strings.end());
    }
    return out;
  }
  const std::size_t size = ElementSize(out.type);
  std::shared_ptr<char[]> memory(new char[static_cast<std::size_t>(out.ElementCount()) * size + 1]);
  char* to = memory.get();
  for (const auto& part : parts) {
    const std::size_t bytes = static_cast<std::size_t>(part[input].ElementCount()) * size;
    std::memcpy(to, part[input].data, bytes);
    to += bytes;
  }
  out.data = memory.get();
  out.owner = std::move(memory);
  return out;
}

}  // namespace

// One request in line; lives on its thread's stack.
struct BatchingModel::Waiter {
  std::span<const Tensor> inputs;
  std::condition_variable wake;
  bool leads = false;  // it has a slot and runs the group
  bool done = false;
  Result<std::vector<Tensor>> result = Internal("not run");
};

bool BatchingModel::Fits(const Model& model) {
  const auto free = [](const TensorSpec& spec) { return !spec.shape.empty() && spec.shape[0] < 0; };
  return !model.inputs().empty() &&
         std::all_of(model.inputs().begin(), model.inputs().end(), free) &&
         std::all_of(model.outputs().begin(), model.outputs().end(), free);
}

BatchingModel::BatchingModel(std::shared_ptr<const Model> model, int slots)
    : model_(std::move(model)), free_slots_(slots) {}

Result<std::vector<Tensor>> BatchingModel::Run(std::span<const Tensor> inputs) const {
  if (!batches() || !IsRowwise(inputs) || RowsOf(inputs) > limits::kBatchRowsMax) {
    return model_->Run(inputs);
  }
  bool alone = false;
  {
    std::lock_guard lock(mutex_);
    alone = free_slots_ > 0;
    if (alone) --free_slots_;
  }
  return alone ? RunAlone(inputs) : RunInLine(inputs);
}

Result<std::vector<Tensor>> BatchingModel::RunAlone(std::span<const Tensor> inputs) const {
  struct Slot {
    const BatchingModel& owner;
    ~Slot() { owner.FreeSlot(); }
  } slot{*this};
  return model_->Run(inputs);
}

Result<std::vector<Tensor>> BatchingModel::RunInLine(std::span<const Tensor> inputs) const {
  Waiter me;
  me.inputs = inputs;
  Group group;
  {
    std::unique_lock lock(mutex_);
    if (free_slots_ > 0) {  // since it was looked at
      --free_slots_;
      group = {&me};
    } else {
      waiting_.push_back(&me);
      me.wake.wait(lock, [&] { return me.leads || me.done; });
      if (me.done) return std::move(me.result);
      group = TakeGroup();
    }
  }
  RunGroup(group);
  // The slot is free before the others are done: their waiters end as soon as they are.
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

BatchingModel::Group BatchingModel::TakeGroup() const {
  Group group = {waiting_.front()};
  waiting_.pop_front();
  std::int64_t rows = RowsOf(group[0]->inputs);
  std::size_t bytes = BytesOf(group[0]->inputs);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const std::int64_t more = RowsOf((*it)->inputs);
    const std::size_t size = BytesOf((*it)->inputs);
    if (rows + more > limits::kBatchRowsMax || bytes + size > limits::kBatchBytesMax) break;
    if (!SameRowShapes(group[0]->inputs, (*it)->inputs)) {
      ++it;
      continue;
    }
    rows += more;
    bytes += size;
    group.push_back(*it);
    it = waiting_.erase(it);
  }
  return group;
}

void BatchingModel::FreeSlot() const {
  std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    ++free_slots_;
    return;
  }
  // The slot goes on to the first in line.
  waiting_.front()->leads = true;
  waiting_.front()->wake.notify_one();
}

void BatchingModel::RunGroup(const Group& group) const {
  // Whatever is thrown, the others in the group wait for an answer.
  try {
    if (group.size() > 1 && batches() && RunTogether(group)) return;
    RunOneByOne(group);
  } catch (const std::bad_alloc&) {
    for (Waiter* waiter : group) {
      waiter->result =
          ResourceExhausted("not enough memory for this request", "send fewer rows per request");
    }
  } catch (const std::exception& error) {
    for (Waiter* waiter : group) waiter->result = Internal(error.what());
  }
}

void BatchingModel::RunOneByOne(const Group& group) const {
  for (Waiter* waiter : group) {
    waiter->result = model_->Run(waiter->inputs);
  }
}

bool BatchingModel::RunTogether(const Group& group) const {
  std::vector<std::span<const Tensor>> parts;
  std::int64_t rows = 0;
  for (const Waiter* waiter : group) {
    parts.push_back(waiter->inputs);
    rows += RowsOf(waiter->inputs);
  }
  std::vector<Tensor> joined;
  for (std::size_t i = 0; i < parts[0].size(); ++i) joined.push_back(Joined(parts, i, rows));
  Result<std::vector<Tensor>> together = model_->Run(joined);
  const bool rowwise =
      together.ok() && std::all_of(together->begin(), together->end(), [&](const Tensor& tensor) {
        return !tensor.shape.empty() && tensor.shape[0] == rows;
      });
  if (!rowwise) {
    // One request's data may have failed all, and must not.
    counts_.split_again.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (compared_.load(std::memory_order_relaxed) < kComparedBatches) {
    RunOneByOne(group);
    Compare(group, *together);
    return true;
  }
  counts_.batched_requests.fetch_add(group.size(), std::memory_order_relaxed);
  std::int64_t begin = 0;
  for (Waiter* waiter : group) {
    std::vector<Tensor> mine;
    for (const Tensor& output : *together) {
      mine.push_back(RowsFrom(output, begin, RowsOf(waiter->inputs)));
    }
    begin += RowsOf(waiter->inputs);
    waiter->result = std::move(mine);
  }
  return true;
}

void BatchingModel::Compare(const Group& group, const std::vector<Tensor>& together) const {
  std::int64_t begin = 0;
  for (const Waiter* waiter : group) {
    const std::int64_t rows = RowsOf(waiter->inputs);
    for (std::size_t i = 0; waiter->result.ok() && i < together.size(); ++i) {
      if (AlikeTensors((*waiter->result)[i], RowsFrom(together[i], begin, rows))) continue;
      mixes_rows_.store(true);
      spdlog::warn("the model gives other answers when rows stand together: it is not batched");
      return;
    }
    begin += rows;
  }
  compared_.fetch_add(1);
}

}  // namespace joey
