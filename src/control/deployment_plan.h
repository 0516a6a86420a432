// From a pipeline version and configurations to what an engine is started with.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "control/access.h"
#include "control/deployments.h"
#include "control/engine_config.h"
#include "control/records.h"
#include "deploy/deployer.h"
#include "store/connection.h"
#include "store/model_files.h"

namespace joey::control {

struct DeploymentPlan {
  EngineConfig engine;
  std::vector<std::int64_t> model_config_ids;  // one per model, in the order of the steps
  std::string document;                        // JSON for the engine, without partition
};

// Checks that the version can be deployed with these configurations: its steps, its models and
// their files, the architecture. A model without a configuration in `config_ids` takes its newest.
// `key` is "<deploy_id>-<id>". Models that `viewer` does not see are not found.
Result<DeploymentPlan> PlanDeployment(Connection& connection, const ModelFiles& files,
                                      const Pipeline& pipeline, const PipelineVersion& version,
                                      const std::vector<std::int64_t>& config_ids,
                                      const nlohmann::json& engine_config, const std::string& key,
                                      const EngineSettings& settings, const Viewer& viewer);

deploy::DeploymentSpec SpecOf(const Deployment& deployment, const DeploymentPlan& plan);

}  // namespace joey::control
