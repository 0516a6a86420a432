// Pipelines and their versions. Threads: any.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/access.h"
#include "control/records.h"
#include "store/database.h"

namespace joey::control {

struct CreatedPipelineVersion {
  std::int64_t pipeline_id = 0;
  std::int64_t version_id = 0;
  std::string version;  // UUID
};

class Pipelines {
 public:
  explicit Pipelines(Database& database) : database_(database) {}

  // A new version of the workspace's pipeline of that name, which is made when it is new.
  Result<CreatedPipelineVersion> Create(std::int64_t workspace_id, std::string_view name,
                                        const nlohmann::json& definition,
                                        std::string_view owner_id);

  // Newest first, of one workspace or of all that the viewer sees.
  Result<std::vector<Pipeline>> List(std::optional<std::int64_t> workspace_id,
                                     const Viewer& viewer);
  Result<Pipeline> Get(std::int64_t pipeline_id);
  // NotFound with the nearest names when there is none.
  Result<std::vector<Pipeline>> Find(std::string_view name,
                                     std::optional<std::int64_t> workspace_id,
                                     const Viewer& viewer);
  Result<PipelineVersion> GetVersion(std::string_view version);

 private:
  Database& database_;
};

}  // namespace joey::control
