// The document an engine is started with (docs/rest-api.md): what to load and how to serve it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/record.h"

namespace joey {

struct ModelReference {
  std::string name;
  std::string version;
  std::string sha;
};

struct ModelEntry {
  ModelReference reference;
  std::string path;
  std::string runtime;
  std::vector<std::string> tensor_fields;  // empty: the model's own input names
  bool single_row = false;                 // batch_config "single"
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
  std::vector<ModelReference> steps;
  std::vector<ModelEntry> models;
  double cpus = 0;                // 0: all of the machine
  std::int64_t memory_bytes = 0;  // 0: no limit
  CheckColumn check_column = CheckColumn::kAnomaly;
  std::optional<LogSettings> logs;
  std::string owner_pid_file;  // empty: nobody to outlive
};

// Errors name the key that is missing or wrong.
Result<DeploymentDocument> ParseDeploymentDocument(std::string_view json);

}  // namespace joey
