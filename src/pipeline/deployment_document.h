// The document an engine is started with (docs/rest-api.md): what to load and how to serve it.
#pragma once

#include <arrow/type_fwd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/record.h"
#include "pipeline/definition.h"

namespace joey {

// What the processes of one model get for themselves, where it runs in processes of its own.
struct WorkerSettings {
  double cpus = 0;                       // 0: as many as the engine has
  std::int64_t memory_bytes = 0;         // of all of them; 0: a share of the deployment's
  std::vector<std::string> environment;  // "NAME=value"
};

struct ModelEntry {
  ModelReference reference;
  std::string path;
  std::string file_sha;  // of the file at `path`
  std::string runtime;
  std::string framework;                        // as uploaded; empty where nobody needs it
  std::string environment;                      // of workers, for the runtime "flight"
  std::vector<std::string> tensor_fields;       // empty: the model's own input names
  bool single_row = false;                      // batch_config "single"
  std::shared_ptr<arrow::Schema> input_schema;  // null: none was configured
  std::shared_ptr<arrow::Schema> output_schema;
  WorkerSettings workers;
};

struct LogSettings {
  std::string address_file;
  std::string token;
  std::string spool_directory;
};

struct DeploymentDocument {
  std::string deployment;
  std::string partition;
  std::string pipeline_name;
  std::string pipeline_version;
  std::string topic;
  Definition definition;
  std::vector<ModelEntry> models;
  double cpus = 0;                // 0: all of the machine
  std::int64_t memory_bytes = 0;  // 0: no limit
  CheckColumn check_column = CheckColumn::kAnomaly;
  std::optional<LogSettings> logs;
  std::optional<int> grpc_port;               // none: no gRPC; 0: any free port
  std::optional<int> flight_port;             // none: no Arrow Flight; 0: any free port
  std::chrono::seconds flight_idle_max{600};  // then the client is cut off
  std::string owner_pid_file;                 // empty: nobody to outlive
  std::string scratch_directory;  // not of the document: made when a model has to be unpacked
};

// Errors name the key that is missing or wrong.
Result<DeploymentDocument> ParseDeploymentDocument(std::string_view json);

}  // namespace joey
