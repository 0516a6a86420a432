#include "control/deployments.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/limits.h"
#include "control/deployment_plan.h"
#include "control/names.h"
#include "control/pipeline_rows.h"
#include "control/status_document.h"

namespace joey::control {

using nlohmann::json;

namespace {

Result<const PipelineVersion*> FindVersion(const Pipeline& pipeline, std::int64_t version_id) {
  for (const PipelineVersion& version : pipeline.versions) {
    if (version.id == version_id) return &version;
  }
  return NotFound(
      fmt::format("the pipeline '{}' has no version with id {}", pipeline.name, version_id),
      "list its versions with pipeline.versions()");
}

// The deployment row of a pipeline, made when it is its first.
Result<std::int64_t> UpsertDeployment(Connection& connection, const DeployRequest& request,
                                      const std::string& engine_config) {
  JOEY_RETURN_IF_ERROR(
      connection
          .Run("INSERT INTO deployment(pipeline_id, deploy_id, deployed, pipeline_version_id, "
               "engine_config_json, generation, created_at, updated_at) "
               "VALUES (?1, ?2, 1, ?3, ?4, 1, ?5, ?5) ON CONFLICT(pipeline_id) DO UPDATE SET "
               "deploy_id = ?2, deployed = 1, pipeline_version_id = ?3, engine_config_json = ?4, "
               "generation = deployment.generation + 1, updated_at = ?5",
               {request.pipeline_id, request.deploy_id, request.pipeline_version_id, engine_config,
                NowMicros()})
          .status());
  JOEY_ASSIGN_OR_RETURN(const auto id,
                        connection.QueryInt("SELECT id FROM deployment WHERE pipeline_id = ?",
                                            {request.pipeline_id}));
  return id.value_or(0);
}

Status ReplaceConfigs(Connection& connection, std::int64_t version_id,
                      const std::vector<std::int64_t>& config_ids) {
  JOEY_RETURN_IF_ERROR(
      connection
          .Run("DELETE FROM pipeline_version_config WHERE pipeline_version_id = ?", {version_id})
          .status());
  for (std::size_t i = 0; i < config_ids.size(); ++i) {
    JOEY_RETURN_IF_ERROR(connection
                             .Run("INSERT INTO pipeline_version_config VALUES (?, ?, ?)",
                                  {version_id, static_cast<std::int64_t>(i), config_ids[i]})
                             .status());
  }
  return {};
}

// Engines share a port with their replicas, and would with another pipeline's.
Status CheckGrpcPort(Connection& connection, int port, std::int64_t pipeline_id) {
  if (port == 0) return {};
  std::string other;
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT deploy_id, engine_config_json FROM deployment WHERE deployed = 1 AND pipeline_id <> "
      "?",
      {pipeline_id}, [&](const SqlRow& row) {
        const auto config = ParseEngineConfig(json::parse(row.Text(1), nullptr, false));
        if (config.ok() && config->grpc_port == port) other = row.Text(0);
      }));
  if (other.empty()) return {};
  return AlreadyExists(
      fmt::format("the deployment '{}' answers gRPC on port {} already", other, port),
      "choose another port");
}

// For a pipeline that is not deployed yet.
Status CheckLimit(Connection& connection, std::optional<std::int64_t> deployed_max) {
  if (!deployed_max) return {};
  JOEY_ASSIGN_OR_RETURN(const auto deployed,
                        connection.QueryInt("SELECT count(*) FROM deployment WHERE deployed = 1"));
  if (deployed.value_or(0) < *deployed_max) return {};
  return ResourceExhausted(
      "You have reached a license limit in your Wallaroo instance. In order to add additional "
      "resources, you can remove some of your existing resources. If you have any questions "
      "contact us at community@wallaroo.ai: MAX_PIPELINES_LIMIT_EXCEEDED",
      fmt::format("undeploy a pipeline first, or start joey serve with a larger --max-pipelines "
                  "(it is {})",
                  *deployed_max));
}

// What all deployments but that of a pipeline may take.
Result<Demand> DemandOfOthers(Connection& connection, std::int64_t pipeline_id,
                              const deploy::MachineResources& machine) {
  Demand out;
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT engine_config_json FROM deployment WHERE deployed = 1 AND pipeline_id <> ?",
      {pipeline_id}, [&](const SqlRow& row) {
        auto config = ParseEngineConfig(json::parse(row.Text(0), nullptr, false));
        std::vector<std::string> notes;
        if (!config.ok()) return;
        (void)FitToMachine(*config, machine.cpus, machine.memory_bytes, notes);
        const Demand one = DemandOf(*config);
        out.cpus += one.cpus;
        out.memory_bytes += one.memory_bytes;
      }));
  return out;
}

Result<std::vector<Pipeline>> LoadDeployed(Database& database) {
  std::vector<Pipeline> out;
  JOEY_RETURN_IF_ERROR(database.Read([&](Connection& connection) {
    return LoadPipelines(connection,
                         "WHERE p.id IN (SELECT pipeline_id FROM deployment WHERE deployed = 1)",
                         {}, out);
  }));
  return out;
}

}  // namespace

Result<DeploymentPlan> Deployments::PlanFor(Connection& connection, const Pipeline& pipeline,
                                            const PipelineVersion& version,
                                            const std::vector<std::int64_t>& config_ids,
                                            const json& engine_config, const std::string& key,
                                            const Viewer& viewer) const {
  JOEY_ASSIGN_OR_RETURN(DeploymentPlan plan,
                        PlanDeployment(connection, files_, pipeline, version, config_ids,
                                       engine_config, key, settings_, viewer));
  const deploy::MachineResources machine = deployer_.resources();
  JOEY_RETURN_IF_ERROR(FitToMachine(plan.engine, machine.cpus, machine.memory_bytes, plan.notes));
  return plan;
}

Result<std::int64_t> Deployments::Deploy(const DeployRequest& request, const json& engine_config) {
  JOEY_RETURN_IF_ERROR(CheckName("deployment", request.deploy_id));
  std::lock_guard lock(changes_);
  std::int64_t id = 0;
  bool was_deployed = false;
  bool applied = false;
  const Status status = database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(const Pipeline before, LoadPipeline(connection, request.pipeline_id));
    JOEY_ASSIGN_OR_RETURN(const PipelineVersion* version,
                          FindVersion(before, request.pipeline_version_id));
    was_deployed = before.deployment && before.deployment->deployed;
    if (!was_deployed) JOEY_RETURN_IF_ERROR(CheckLimit(connection, settings_.deployed_max));
    JOEY_ASSIGN_OR_RETURN(id, UpsertDeployment(connection, request, engine_config.dump()));
    const std::string key = request.deploy_id + "-" + std::to_string(id);
    JOEY_ASSIGN_OR_RETURN(const DeploymentPlan plan,
                          PlanFor(connection, before, *version, request.model_config_ids,
                                  engine_config, key, request.viewer));
    JOEY_RETURN_IF_ERROR(CheckGrpcPort(connection, plan.engine.grpc_port, request.pipeline_id));
    if (settings_.strict_resources) {
      const deploy::MachineResources machine = deployer_.resources();
      JOEY_ASSIGN_OR_RETURN(const Demand others,
                            DemandOfOthers(connection, request.pipeline_id, machine));
      JOEY_RETURN_IF_ERROR(
          CheckFitsBeside(plan.engine, others, machine.cpus, machine.memory_bytes));
    }
    JOEY_RETURN_IF_ERROR(ReplaceConfigs(connection, version->id, plan.model_config_ids));
    JOEY_RETURN_IF_ERROR(
        connection.Run("UPDATE pipeline SET updated_at = ? WHERE id = ?", {NowMicros(), before.id})
            .status());
    JOEY_ASSIGN_OR_RETURN(const Pipeline after, LoadPipeline(connection, request.pipeline_id));
    // Inside the transaction: a deployer that refuses leaves the database as it was.
    JOEY_RETURN_IF_ERROR(deployer_.Apply(SpecOf(*after.deployment, plan)));
    applied = true;
    return {};
  });
  if (!status.ok()) {
    if (applied && !was_deployed) (void)deployer_.Remove(id);
    return status;
  }
  std::lock_guard failures_lock(failures_mutex_);
  failures_.erase(id);
  return id;
}

Status Deployments::Undeploy(std::int64_t deployment_id) {
  std::lock_guard lock(changes_);
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(
        const std::int64_t changed,
        connection.Run("UPDATE deployment SET deployed = 0, updated_at = ? WHERE id = ?",
                       {NowMicros(), deployment_id}));
    if (changed > 0) return {};
    return NoSuchId("deployment", deployment_id,
                    "list the pipelines and their deployments with /v1/api/pipelines/list");
  }));
  {
    std::lock_guard failures_lock(failures_mutex_);
    failures_.erase(deployment_id);
  }
  const Status status = deployer_.Remove(deployment_id);
  return status.code() == Code::kNotFound ? Status() : status;
}

Result<json> Deployments::StatusDocument(std::string_view key) {
  std::optional<Deployment> deployment;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    return connection.Query(
        "SELECT d.id, d.deploy_id, p.name FROM deployment d JOIN pipeline p "
        "ON p.id = d.pipeline_id WHERE d.id = ?",
        {TrailingNumber(key)}, [&](const SqlRow& row) {
          Deployment found;
          found.id = row.Int(0);
          found.deploy_id = row.Text(1);
          found.pipeline_name = row.Text(2);
          if (found.Key() == key) deployment = std::move(found);
        });
  }));
  if (!deployment) {
    return NoSuchName("deployment", key, {}, "deploy the pipeline first: pipeline.deploy()");
  }
  if (const auto status = deployer_.GetStatus(deployment->id)) {
    return StatusDocumentOf(*status, deployment->Key());
  }
  std::lock_guard failures_lock(failures_mutex_);
  if (const auto failed = failures_.find(deployment->id); failed != failures_.end()) {
    return FailedStatusDocument(failed->second);
  }
  if (resuming_) {
    return Unavailable("joey serve is starting", "ask again in a moment");
  }
  return NotFound(fmt::format("Pipeline {} is not deployed", deployment->pipeline_name),
                  "deploy it first: pipeline.deploy()");
}

Status Deployments::Resume() {
  std::lock_guard lock(changes_);
  JOEY_ASSIGN_OR_RETURN(const std::vector<Pipeline> pipelines, LoadDeployed(database_));
  for (const Pipeline& pipeline : pipelines) {
    const Deployment& deployment = *pipeline.deployment;
    Status status = database_.Read([&](Connection& connection) -> Status {
      JOEY_ASSIGN_OR_RETURN(const PipelineVersion* version,
                            FindVersion(pipeline, deployment.pipeline_version_id));
      JOEY_ASSIGN_OR_RETURN(const DeploymentPlan plan,
                            PlanFor(connection, pipeline, *version, deployment.model_config_ids,
                                    json::parse(deployment.engine_config, nullptr, false),
                                    deployment.Key(), Viewer()));
      return deployer_.Apply(SpecOf(deployment, plan));
    });
    if (status.ok()) {
      spdlog::info("deployment {} is started again", deployment.Key());
      continue;
    }
    spdlog::error("deployment {} cannot be started again: {}", deployment.Key(), status.ToString());
    std::lock_guard failures_lock(failures_mutex_);
    failures_[deployment.id] = std::move(status);
  }
  resuming_ = false;
  return {};
}

}  // namespace joey::control
