#include "runtime/framework_model.h"

#include <utility>

#include "runtime/model_zip.h"
#include "runtime/python_runtime.h"
#include "runtime/worker_model.h"

namespace joey {

Result<EnvironmentSpec> EnvironmentOf(std::string_view framework, std::string lock,
                                      const std::string& path) {
  EnvironmentSpec spec{std::move(lock), ""};
  if (framework == "custom") {
    JOEY_ASSIGN_OR_RETURN(spec.requirements, InspectModelZip(path));
    JOEY_RETURN_IF_ERROR(CheckRequirements(spec.requirements, RequirementLinksAllowed()));
  }
  return spec;
}

Result<WorkerPoolOptions> FrameworkWorker(const FrameworkModelOptions& options,
                                          const std::string& kind) {
  JOEY_ASSIGN_OR_RETURN(const WorkerEnvironment environment,
                        EnsureEnvironment(options.environment));
  JOEY_ASSIGN_OR_RETURN(const PythonRuntime runtime, FindPythonRuntime(environment.interpreter));
  WorkerPoolOptions pool;
  pool.name = "model '" + options.name + "'";
  pool.processes = options.processes;
  // Isolated from the environment and the user's packages, and without writing byte code.
  pool.arguments = {runtime.interpreter, "-I", "-B", runtime.worker_directory, kind};
  pool.environment = WorkerEnvironmentVariables();
  pool.environment.insert(pool.environment.end(), options.variables.begin(),
                          options.variables.end());
  pool.readable = PythonDirectories(runtime);
  pool.files = {options.path};
  pool.memory_bytes = options.memory_bytes;
  pool.tmp_bytes = limits::kModelTmpBytesMax;
  pool.timeout = options.timeout;
  pool.start_timeout = std::chrono::seconds(limits::kModelStartSecondsMax);
  pool.print = options.print;
  return pool;
}

Result<std::unique_ptr<TableModel>> LoadFrameworkModel(FrameworkModelOptions options) {
  if (options.input_schema == nullptr || options.output_schema == nullptr) {
    return InvalidArgument("the model '" + options.name + "' has no input_schema or output_schema",
                           "upload it with both");
  }
  JOEY_ASSIGN_OR_RETURN(WorkerStartPayload payload,
                        StartPayload({{"name", options.name}, {"framework", options.framework}}, "",
                                     options.input_schema, options.output_schema));
  WorkerModelOptions model;
  JOEY_ASSIGN_OR_RETURN(model.pool, FrameworkWorker(options, "model"));
  model.input_schema = std::move(options.input_schema);
  model.output_schema = std::move(options.output_schema);
  return StartWorkerModel(std::move(model), std::move(payload));
}

}  // namespace joey
