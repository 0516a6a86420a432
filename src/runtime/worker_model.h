// A model in worker processes, whatever they run: tables go to one of them and come back.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "runtime/table_model.h"
#include "runtime/worker_pool.h"

namespace joey {

struct WorkerModelOptions {
  WorkerPoolOptions pool;  // but for the kStart frame; its name is the model's in messages
  // Null where nothing was declared: then it gets all columns.
  std::shared_ptr<arrow::Schema> input_schema;
  std::shared_ptr<arrow::Schema> output_schema;
};

struct WorkerStartPayload {
  std::string first;   // JSON: what `start` holds, and the sizes of the parts of the other
  std::string second;  // script and schemas
};
Result<WorkerStartPayload> StartPayload(nlohmann::json start, std::string_view script,
                                        const std::shared_ptr<arrow::Schema>& input,
                                        const std::shared_ptr<arrow::Schema>& output);

// Starts the workers and waits until one is ready. Errors: what it reported.
//
// Run() blocks for as long as the worker computes, at most the pool's timeout (twice that when it
// has to wait for a free process first). Its errors: kInvalidArgument when the model raised, when a
// column is missing or not of the declared type, or when the result does not fit;
// kDeadlineExceeded when it took too long; kResourceExhausted when it was out of memory;
// kUnavailable when its process died. No failure harms the process that calls it.
Result<std::unique_ptr<TableModel>> StartWorkerModel(WorkerModelOptions options,
                                                     WorkerStartPayload payload);

// The environment of every worker: nothing of this process's own, one thread for each process.
std::vector<std::string> WorkerEnvironmentVariables();

}  // namespace joey
