#include "engine/worker_share.h"

#include <algorithm>
#include <cmath>

#include "base/limits.h"

namespace joey::engine {

namespace {

// Less than an interpreter with pandas and Arrow needs would only be a worker that never starts;
// the deployment's control group holds all of them to its memory.
constexpr std::int64_t kWorkerBytesMin = std::int64_t{192} << 20;

bool InWorkers(const ModelEntry& model) {
  return model.runtime != "onnx" && model.runtime != "tensorflow";
}

}  // namespace

WorkerShares::WorkerShares(const DeploymentDocument& document, int threads) : threads_(threads) {
  shared_bytes_ = limits::kWorkerMemoryBytesMax;
  if (document.memory_bytes <= 0) return;
  std::int64_t processes = 0;
  for (const ModelEntry& model : document.models) {
    if (InWorkers(model) && model.workers.memory_bytes == 0) processes += ProcessesOf(model);
  }
  if (processes == 0) return;
  shared_bytes_ =
      std::max(kWorkerBytesMin, (document.memory_bytes - document.memory_bytes / 4) / processes);
}

int WorkerShares::ProcessesOf(const ModelEntry& model) const {
  if (model.workers.cpus <= 0) return threads_;
  return std::max(1, static_cast<int>(std::ceil(model.workers.cpus)));
}

WorkerShare WorkerShares::Of(const ModelEntry& model) const {
  const int processes = ProcessesOf(model);
  if (model.workers.memory_bytes <= 0) return {processes, shared_bytes_};
  return {processes, std::max(kWorkerBytesMin, model.workers.memory_bytes / processes)};
}

}  // namespace joey::engine
