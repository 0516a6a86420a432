#include "runtime/python_model.h"

#include <utility>

#include "base/files.h"
#include "runtime/python_runtime.h"
#include "runtime/worker_model.h"

namespace joey {

Result<std::unique_ptr<TableModel>> LoadPythonModel(PythonModelOptions options) {
  JOEY_ASSIGN_OR_RETURN(PythonRuntime runtime,
                        FindPythonRuntime(options.interpreter, options.worker_directory));
  JOEY_ASSIGN_OR_RETURN(std::string script,
                        ReadFile(options.script_path, limits::kPythonScriptBytesMax));
  JOEY_ASSIGN_OR_RETURN(
      WorkerStartPayload payload,
      StartPayload({{"name", options.name}}, script, options.input_schema, options.output_schema));
  WorkerModelOptions model;
  model.input_schema = std::move(options.input_schema);
  model.output_schema = std::move(options.output_schema);
  model.pool.name = "Python step '" + options.name + "'";
  model.pool.processes = options.processes;
  // Isolated from the environment and the user's packages, and without writing byte code.
  model.pool.arguments = {runtime.interpreter, "-I", "-B", runtime.worker_directory, "step"};
  model.pool.environment = WorkerEnvironmentVariables();
  model.pool.environment.insert(model.pool.environment.end(), options.environment.begin(),
                                options.environment.end());
  model.pool.readable = PythonDirectories(runtime);
  model.pool.memory_bytes = options.memory_bytes;
  model.pool.timeout = options.timeout;
  model.pool.print = std::move(options.print);
  return StartWorkerModel(std::move(model), std::move(payload));
}

}  // namespace joey
