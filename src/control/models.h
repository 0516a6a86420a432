// Named models, their uploaded versions and the configurations of those. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/access.h"
#include "control/records.h"
#include "store/database.h"
#include "store/model_files.h"

namespace joey::control {

struct ModelUpload {
  std::int64_t workspace_id = 0;
  std::string name;
  std::string visibility;  // "private" or "public"
  std::string framework;
  std::string arch;       // "x86", "arm" or empty: that of this machine
  std::string file_name;  // as the client says; only shown
  std::optional<std::string> input_schema;
  std::optional<std::string> output_schema;
  std::string owner_id;
};

// Where the bytes of an upload are: a part of a file that stays unchanged meanwhile.
struct FileRange {
  std::string path;
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

struct NewModelConfig {
  std::int64_t model_version_id = 0;
  std::optional<std::vector<std::string>> tensor_fields;
  std::optional<double> filter_threshold;
  std::optional<std::string> input_schema;
  std::optional<std::string> output_schema;
  std::optional<std::string> batch_config;
};

class Models {
 public:
  // `on_runtime` is told which runtime an uploaded model needs, `on_unready` of a version that has
  // to be converted before it is ready; both must return soon.
  Models(Database& database, const ModelFiles& files,
         std::function<void(std::string_view runtime)> on_runtime = {},
         std::function<void(std::int64_t version_id)> on_unready = {})
      : database_(database),
        files_(files),
        on_runtime_(std::move(on_runtime)),
        on_unready_(std::move(on_unready)) {}

  // What can be refused before the file has been looked at.
  Status CheckUpload(const ModelUpload& upload);

  // Checks and keeps the file and adds a version (with a default configuration) to the model of
  // that name, which is made when it is new. Nothing is kept on failure. The id of the version,
  // which is not ready yet where its framework needs a conversion or a worker.
  Result<std::int64_t> Upload(const ModelUpload& upload, const FileRange& file);

  Result<std::vector<ModelRecord>> List(std::int64_t workspace_id);  // newest first
  Result<ModelRecord> Get(std::int64_t model_id);
  Result<std::vector<ModelVersion>> Versions(std::int64_t model_id);  // newest first
  // The newest version of each model, of one workspace or of all that the viewer sees.
  Result<std::vector<ModelVersion>> NewestVersions(std::optional<std::int64_t> workspace_id,
                                                   const Viewer& viewer);
  Result<ModelVersion> GetVersion(std::int64_t version_id);
  Result<ModelVersion> FindVersion(std::string_view name, std::string_view version,
                                   const Viewer& viewer);

  Result<std::optional<ModelConfig>> NewestConfig(std::int64_t version_id);
  Result<ModelConfig> GetConfig(std::int64_t config_id);
  Result<ModelConfig> InsertConfig(const NewModelConfig& config);

 private:
  Database& database_;
  const ModelFiles& files_;
  const std::function<void(std::string_view runtime)> on_runtime_;
  const std::function<void(std::int64_t version_id)> on_unready_;
};

}  // namespace joey::control
