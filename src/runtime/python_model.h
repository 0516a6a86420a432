// Python steps: a .py file with wallaroo_json(data), run in sandboxed worker processes
// (docs/python-steps.md).
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

namespace joey {

struct PythonModelOptions {
  std::string name;         // of the model, for messages
  std::string script_path;  // read here once; workers cannot open it
  // Null where the step was configured without: then it gets all columns, as JSON text.
  std::shared_ptr<arrow::Schema> input_schema;
  std::shared_ptr<arrow::Schema> output_schema;
  int processes = 1;  // requests that run at the same time
  // Where empty, those of FindPythonRuntime().
  std::string interpreter;
  std::string worker_directory;
  std::int64_t memory_bytes = limits::kWorkerMemoryBytesMax;  // of one process; 0 for no limit
  std::chrono::milliseconds timeout{limits::kPythonStepSecondsMax * 1000};  // for one request
  std::vector<std::string> environment;  // "NAME=value", beside what every worker has
  // Gets what the step prints; called by one thread at a time.
  std::function<void(std::string_view line)> print;
};

// Starts the workers and waits until one has loaded the script. Errors: kInvalidArgument when the
// script does not load, with the end of its traceback.
//
// Run() blocks for as long as the step computes, at most the timeout (twice that when it has to
// wait for a free process first). Its errors: kInvalidArgument when the step raised, when a column
// is missing or not of the declared type, or when what it returned does not fit; kDeadlineExceeded
// when it took too long; kResourceExhausted when it was out of memory; kUnavailable when its
// process died. No failure of a step harms the process that calls it.
Result<std::unique_ptr<TableModel>> LoadPythonModel(PythonModelOptions options);

}  // namespace joey
