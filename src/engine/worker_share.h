// What the worker processes of each model may use of a deployment.
#pragma once

#include <cstdint>

#include "pipeline/deployment_document.h"

namespace joey::engine {

struct WorkerShare {
  int processes = 1;
  std::int64_t memory_bytes = 0;  // of each
};

// Computed once from the whole document: models that have no memory of their own share three
// quarters of the deployment's, the rest is the engine's.
class WorkerShares {
 public:
  // `threads`: requests that the engine runs at the same time.
  WorkerShares(const DeploymentDocument& document, int threads);

  WorkerShare Of(const ModelEntry& model) const;

 private:
  int ProcessesOf(const ModelEntry& model) const;

  const int threads_;
  std::int64_t shared_bytes_ = 0;  // of each process that shares
};

}  // namespace joey::engine
