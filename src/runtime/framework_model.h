// Models of the frameworks that run in worker processes with an environment of their own
// (docs/models.md): scikit-learn, XGBoost …
#pragma once

#include <arrow/type_fwd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "runtime/table_model.h"
#include "runtime/worker_environment.h"
#include "runtime/worker_limits.h"
#include "runtime/worker_pool.h"

namespace joey {

struct FrameworkModelOptions {
  std::string name;       // of the model, for messages
  std::string framework;  // a key of workers/joey_worker/frameworks
  std::string path;       // the uploaded file
  EnvironmentSpec environment;
  std::shared_ptr<arrow::Schema> input_schema;  // both are needed
  std::shared_ptr<arrow::Schema> output_schema;
  std::vector<std::string> variables;  // "NAME=value", for the workers' environment
  int processes = 1;                   // requests that run at once
  std::int64_t memory_bytes = limits::kWorkerMemoryBytesMax;  // of one process
  // For one request; for a conversion as a whole.
  std::chrono::milliseconds timeout{limits::kModelSecondsMax * 1000};
  // Gets what the model prints; called by one thread at a time.
  std::function<void(std::string_view line)> print;
};

// What the workers of a model need: its lock, and what the file itself asks for.
Result<EnvironmentSpec> EnvironmentOf(std::string_view framework, std::string lock,
                                      const std::string& path);

// Starts the workers and waits until one has loaded the model and answered made-up rows. Makes the
// environment when it is missing. Errors and threads are those of StartWorkerModel().
Result<std::unique_ptr<TableModel>> LoadFrameworkModel(FrameworkModelOptions options);

// What all workers of such models have in common: `kind` is "model" or "convert". The kStart frame
// is left to the caller.
Result<WorkerPoolOptions> FrameworkWorker(const FrameworkModelOptions& options,
                                          const std::string& kind);

}  // namespace joey
