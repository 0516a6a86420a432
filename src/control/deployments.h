// Deployments: what was asked, kept in the database; what runs, at the Deployer.
//
// Threads: any. Changes of deployments are made one after the other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/access.h"
#include "control/records.h"
#include "deploy/deployer.h"
#include "store/database.h"
#include "store/model_files.h"

namespace joey::control {

struct DeployRequest {
  std::string deploy_id;
  std::int64_t pipeline_id = 0;
  std::int64_t pipeline_version_id = 0;
  std::vector<std::int64_t> model_config_ids;
  Viewer viewer;  // who deploys: models that this user does not see are not found
};

// The same for all deployments of a server: parts of the document engines get (docs/rest-api.md).
struct EngineSettings {
  std::string check_column;      // "anomaly" or "check_failures"
  std::string log_address_file;  // where engines find joey serve's HOST:PORT
  std::string log_token;
  std::optional<std::int64_t> deployed_max;  // pipelines deployed at a time; nullopt: any number
  // Told which runtimes a deployment needs, just before its engines start; returns at once.
  std::function<void(std::string_view runtime)> on_runtime;
};

class Deployments {
 public:
  Deployments(Database& database, const ModelFiles& files, deploy::Deployer& deployer,
              EngineSettings settings)
      : database_(database), files_(files), deployer_(deployer), settings_(std::move(settings)) {}

  // Checks everything, remembers the deployment and hands it to the deployer; the deployment's id.
  // A pipeline keeps its deployment id; deploying again replaces what runs. Nothing changes on
  // failure.
  Result<std::int64_t> Deploy(const DeployRequest& request, const nlohmann::json& engine_config);

  // Also ok when it was not deployed any more.
  Status Undeploy(std::int64_t deployment_id);

  // The status document of "<deploy_id>-<id>" (WIRE §2); NotFound when nothing runs.
  Result<nlohmann::json> StatusDocument(std::string_view key);

  // At start: hands everything that was deployed to the deployer again. What cannot be started (a
  // model file is gone) shows the reason in its status and does not keep the others from starting.
  Status Resume();
  // Resume() will follow: until it has, what does not run yet is Unavailable and not NotFound.
  void ExpectResume() { resuming_ = true; }

 private:
  Database& database_;
  const ModelFiles& files_;
  deploy::Deployer& deployer_;
  const EngineSettings settings_;
  std::atomic<bool> resuming_{false};
  std::mutex changes_;
  std::mutex failures_mutex_;
  std::map<std::int64_t, Status> failures_;  // of Resume(); guarded by failures_mutex_
};

}  // namespace joey::control
