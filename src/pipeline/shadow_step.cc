#include "pipeline/shadow_step.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/limits.h"

namespace joey {

namespace {

using Clock = std::chrono::steady_clock;

// A challenger's run, timed and counted; null when it failed.
std::shared_ptr<arrow::RecordBatch> RunChallenger(
    const ModelRunner& model, ShadowCounts& counts,
    const std::shared_ptr<arrow::RecordBatch>& previous,
    const std::shared_ptr<arrow::RecordBatch>& request) {
  const auto start = Clock::now();
  Result<std::shared_ptr<arrow::RecordBatch>> out = Internal("it threw");
  try {
    out = model.Run(previous, *request);
  } catch (const std::exception& error) {
    out = Internal(error.what());
  }
  const auto rows = static_cast<std::uint64_t>(std::max<std::int64_t>(1, previous->num_rows()));
  const std::uint64_t before = counts.nanos_per_row.load(std::memory_order_relaxed);
  const std::uint64_t now = NanosSince(start) / rows;
  counts.nanos_per_row.store(before == 0 ? now : (3 * before + now) / 4, std::memory_order_relaxed);
  if (out.ok()) return std::move(*out);
  // Powers of two, so that a challenger that always fails does not fill the log.
  const std::uint64_t failures = counts.failed.fetch_add(1) + 1;
  if ((failures & (failures - 1)) == 0) {
    spdlog::warn("the shadow model '{}' failed ({} times): {}", counts.model, failures,
                 out.status().ToString());
  }
  return nullptr;
}

}  // namespace

// Shared between the request and the pool's thread; whoever lets go last ends it.
struct ShadowStep::Pending {
  std::mutex mutex;
  std::condition_variable ready;
  bool done = false;
  bool abandoned = false;
  std::shared_ptr<arrow::RecordBatch> out;
};

ShadowStep::ShadowStep(std::vector<ModelRunner> models, ShadowPool& pool)
    : models_(std::move(models)), pool_(pool) {
  for (std::size_t i = 1; i < models_.size(); ++i) {
    counts_.push_back(std::make_shared<ShadowCounts>());
    counts_.back()->model = models_[i].reference().name;
  }
}

bool ShadowStep::IsQuick(std::size_t challenger, std::int64_t rows) const {
  const std::uint64_t each = counts_[challenger]->nanos_per_row.load(std::memory_order_relaxed);
  return models_[challenger + 1].in_process() && each > 0 &&
         each * static_cast<std::uint64_t>(rows) <= limits::kShadowInlineNanosMax;
}

std::shared_ptr<ShadowStep::Pending> ShadowStep::Post(
    std::size_t challenger, const std::shared_ptr<arrow::RecordBatch>& previous,
    const std::shared_ptr<arrow::RecordBatch>& request) const {
  ShadowCounts& counts = *counts_[challenger];
  if (counts.running.fetch_add(1) >= limits::kShadowRunningMax) {
    counts.running.fetch_sub(1);
    counts.skipped.fetch_add(1);
    return nullptr;
  }
  auto pending = std::make_shared<Pending>();
  pool_.Post([this, challenger, pending, previous, request] {
    ShadowCounts& mine = *counts_[challenger];
    auto out = RunChallenger(models_[challenger + 1], mine, previous, request);
    mine.running.fetch_sub(1);
    std::lock_guard lock(pending->mutex);
    if (out != nullptr) (pending->abandoned ? mine.late : mine.answered).fetch_add(1);
    pending->out = std::move(out);
    pending->done = true;
    pending->ready.notify_one();
  });
  return pending;
}

Result<StepResult> ShadowStep::Run(const std::shared_ptr<arrow::RecordBatch>& previous,
                                   const std::shared_ptr<arrow::RecordBatch>& request) const {
  std::vector<std::shared_ptr<Pending>> pending(counts_.size());
  std::vector<bool> quick(counts_.size());
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    quick[i] = IsQuick(i, previous->num_rows());
    if (!quick[i]) pending[i] = Post(i, previous, request);
  }
  const auto start = Clock::now();
  StepResult result;
  JOEY_ASSIGN_OR_RETURN(result.out, models_.front().Run(previous, *request));
  const auto took = Clock::now() - start;
  const auto wait =
      std::max<Clock::duration>(took, std::chrono::milliseconds(limits::kShadowWaitMillis));
  const auto deadline = Clock::now() + wait;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    ShadowCounts& counts = *counts_[i];
    std::shared_ptr<arrow::RecordBatch> out;
    if (quick[i]) {
      out = RunChallenger(models_[i + 1], counts, previous, request);
      if (out != nullptr) counts.answered.fetch_add(1);
    } else if (pending[i] != nullptr) {
      const auto usual = std::chrono::nanoseconds(
          counts.nanos_per_row.load(std::memory_order_relaxed) *
          static_cast<std::uint64_t>(std::max<std::int64_t>(1, previous->num_rows())));
      std::unique_lock lock(pending[i]->mutex);
      if (usual <= wait) {
        pending[i]->ready.wait_until(lock, deadline, [&] { return pending[i]->done; });
      }
      if (pending[i]->done) {
        out = std::move(pending[i]->out);
      } else {
        // Its average is not known before it ends, but it is more than this.
        pending[i]->abandoned = true;
        const auto at_least =
            static_cast<std::uint64_t>(std::chrono::nanoseconds(2 * wait).count()) /
            static_cast<std::uint64_t>(std::max<std::int64_t>(1, previous->num_rows()));
        if (counts.nanos_per_row.load(std::memory_order_relaxed) < at_least) {
          counts.nanos_per_row.store(at_least, std::memory_order_relaxed);
        }
      }
    }
    if (out != nullptr) result.shadows.push_back({&counts.model, std::move(out)});
  }
  return result;
}

}  // namespace joey
