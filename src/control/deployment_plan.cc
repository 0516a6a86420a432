#include "control/deployment_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "control/conversions.h"
#include "control/fit.h"
#include "control/machine.h"
#include "control/model_rows.h"
#include "control/names.h"
#include "pipeline/plan.h"

namespace joey::control {

using nlohmann::json;

namespace {

struct PlannedModel {
  ModelVersion version;
  ModelConfig config;
  std::string path;
};

Result<ModelVersion> FindStepModel(Connection& connection, const ModelReference& model,
                                   const Viewer& viewer) {
  std::vector<ModelVersion> found;
  JOEY_RETURN_IF_ERROR(LoadModelVersions(
      connection, "WHERE v.version = ?1 AND m.name = ?2 AND " + SeenBy("m.workspace_id", 3),
      {model.version, model.name, viewer}, found));
  if (!found.empty()) {
    if (found.front().sha == model.sha) return std::move(found.front());
    return InvalidArgument(
        fmt::format("the model '{}' version {} has another sha than the pipeline's step",
                    model.name, model.version),
        "add the model to the pipeline again");
  }
  std::vector<std::string> names;
  bool known = false;
  JOEY_RETURN_IF_ERROR(
      connection.Query("SELECT DISTINCT name FROM model WHERE " + SeenBy("workspace_id", 1),
                       {viewer}, [&](const SqlRow& row) {
                         names.push_back(row.Text(0));
                         known = known || names.back() == model.name;
                       }));
  if (known) {
    return NotFound(
        fmt::format("the model '{}' has no version {}", model.name, model.version),
        "list its versions with model.versions(), then add one of them to the pipeline");
  }
  return NoSuchName("model", model.name, names, "upload it first");
}

// The configurations of a request by the model version they belong to.
using ConfigsByVersion = std::unordered_map<std::int64_t, ModelConfig>;

Result<ConfigsByVersion> LoadConfigs(Connection& connection,
                                     const std::vector<std::int64_t>& config_ids) {
  ConfigsByVersion out;
  for (const std::int64_t id : config_ids) {
    std::vector<ModelConfig> found;
    JOEY_RETURN_IF_ERROR(LoadModelConfigs(connection, "WHERE id = ?", {id}, found));
    if (found.empty()) {
      return NoSuchId("model configuration", id,
                      "make one with /v1/api/models/insert_model_config");
    }
    const auto [place, added] = out.emplace(found.front().model_version_id, found.front());
    if (!added && place->second.id != id) {
      return InvalidArgument(
          fmt::format("the model configurations {} and {} belong to the same model version",
                      place->second.id, id),
          "a deployment uses one configuration per model version");
    }
  }
  return out;
}

Status CheckReady(const ModelVersion& version) {
  if (version.status == kReady) return {};
  if (version.status == kError) {
    return FailedPrecondition(
        fmt::format("the model '{}' cannot be deployed: {}", version.name, version.status_text),
        "upload it again, without what is wrong");
  }
  return FailedPrecondition(
      fmt::format("the model '{}' is not ready yet: {}", version.name, version.status),
      "wait until model.status() is 'ready', then deploy again");
}

Result<PlannedModel> PlanModel(Connection& connection, const ModelFiles& files,
                               const ModelReference& step, ConfigsByVersion& configs,
                               const Viewer& viewer) {
  PlannedModel model;
  JOEY_ASSIGN_OR_RETURN(model.version, FindStepModel(connection, step, viewer));
  if (const auto chosen = configs.find(model.version.id); chosen != configs.end()) {
    model.config = chosen->second;
  } else {
    std::vector<ModelConfig> found;
    JOEY_RETURN_IF_ERROR(LoadModelConfigs(connection,
                                          "WHERE model_version_id = ? ORDER BY id DESC LIMIT 1",
                                          {model.version.id}, found));
    if (found.empty()) {
      return Internal(fmt::format("model version {} has no configuration", model.version.id));
    }
    model.config = std::move(found.front());
    configs.emplace(model.version.id, model.config);
  }
  JOEY_RETURN_IF_ERROR(CheckReady(model.version));
  const std::string& sha =
      model.version.native_sha.empty() ? model.version.sha : model.version.native_sha;
  JOEY_ASSIGN_OR_RETURN(model.path, files.Find(sha));
  return model;
}

// InvalidArgument for a configuration whose model stands in no step. Not every model of a step is
// run: add_select() leaves the others out.
Status CheckConfigsBelong(Connection& connection, const Definition& definition,
                          const std::vector<std::int64_t>& config_ids,
                          const std::vector<std::int64_t>& used, const ConfigsByVersion& configs,
                          const std::string& pipeline_name, const Viewer& viewer) {
  std::vector<std::int64_t> known = used;
  for (const StepDefinition& step : definition.steps) {
    for (const ModelReference& reference : step.models) {
      JOEY_ASSIGN_OR_RETURN(const ModelVersion version,
                            FindStepModel(connection, reference, viewer));
      const auto config = configs.find(version.id);
      if (config != configs.end()) known.push_back(config->second.id);
    }
  }
  for (const std::int64_t id : config_ids) {
    if (std::find(known.begin(), known.end(), id) != known.end()) continue;
    return InvalidArgument(
        fmt::format("the model configuration {} belongs to a model that is in no step of the "
                    "pipeline '{}'",
                    id, pipeline_name),
        "send the configurations of the models in the steps only");
  }
  return {};
}

// As sidekick_cpus() and its like name a model.
std::string SidekickKey(const PlannedModel& model) {
  return fmt::format("{}-{}", model.version.name, model.version.id);
}

// Leaves the sidekicks of models that run in processes of their own.
void KeepUsedSidekicks(const std::vector<PlannedModel>& models, EngineConfig& engine) {
  std::map<std::string, SidekickConfig> used;
  for (const PlannedModel& model : models) {
    if (!RunsInWorkers(model.config.runtime)) continue;
    const auto found = engine.sidekicks.find(SidekickKey(model));
    if (found != engine.sidekicks.end()) used.insert(*found);
  }
  engine.sidekicks = std::move(used);
}

Status CheckArch(const std::vector<PlannedModel>& models, EngineConfig& engine) {
  // A model uploaded without an architecture runs on any.
  for (const PlannedModel& model : models) {
    if (engine.arch.empty()) engine.arch = model.version.arch;
  }
  if (engine.arch.empty()) engine.arch = MachineArch();
  for (const PlannedModel& model : models) {
    if (model.version.arch.empty() || model.version.arch == engine.arch) continue;
    return InvalidArgument(
        fmt::format("the model '{}' is for the architecture '{}', the deployment for '{}'",
                    model.version.name, model.version.arch, engine.arch),
        fmt::format("use arch('{}') in the deployment configuration, or upload the model with "
                    "arch '{}'",
                    model.version.arch, engine.arch));
  }
  for (const auto& [model, sidekick] : engine.sidekicks) {
    if (sidekick.arch.empty() || sidekick.arch == engine.arch) continue;
    return InvalidArgument(
        fmt::format("sidekick_arch() asks for '{}' for the model '{}', the deployment is for '{}'",
                    sidekick.arch, model, engine.arch),
        "use the same architecture for both");
  }
  if (engine.arch != MachineArch()) {
    return FailedPrecondition(
        fmt::format("{}The deployment is for the architecture '{}', this machine is '{}'.",
                    kInsufficientResources, engine.arch, MachineArch()),
        fmt::format("upload the models with arch '{}', and leave arch() out of the deployment "
                    "configuration",
                    MachineArch()));
  }
  return {};
}

json ReferenceOf(const ModelVersion& version) {
  return {{"name", version.name}, {"version", version.version}, {"sha", version.sha}};
}

json DocumentOf(const Pipeline& pipeline, const PipelineVersion& version, json steps,
                const std::string& key, const std::vector<PlannedModel>& models,
                const EngineConfig& engine, const EngineSettings& settings) {
  json entries = json::array();
  std::vector<std::string_view> listed;
  for (const PlannedModel& model : models) {
    if (std::find(listed.begin(), listed.end(), model.version.version) != listed.end()) continue;
    listed.push_back(model.version.version);
    json entry = ReferenceOf(model.version);
    entry["path"] = model.path;
    if (!model.version.native_sha.empty()) entry["file_sha"] = model.version.native_sha;
    entry["framework"] = model.version.framework;
    if (!model.version.environment.empty()) entry["environment"] = model.version.environment;
    entry["runtime"] = model.config.runtime;
    if (const auto found = engine.sidekicks.find(SidekickKey(model));
        found != engine.sidekicks.end()) {
      const SidekickConfig& sidekick = found->second;
      entry["sidekick"] = {
          {"cpus", sidekick.cpus}, {"memory_bytes", sidekick.memory_bytes}, {"env", sidekick.env}};
    }
    entry["tensor_fields"] =
        model.config.tensor_fields ? json(*model.config.tensor_fields) : json(nullptr);
    entry["batch_config"] =
        model.config.batch_config ? json(*model.config.batch_config) : json(nullptr);
    entry["input_schema"] =
        model.config.input_schema ? json(*model.config.input_schema) : json(nullptr);
    entry["output_schema"] =
        model.config.output_schema ? json(*model.config.output_schema) : json(nullptr);
    entries.push_back(std::move(entry));
  }
  json document = {
      {"deployment", key},
      {"pipeline",
       {{"name", pipeline.name}, {"version", version.version}, {"topic", TopicName(pipeline)}}},
      {"steps", std::move(steps)},
      {"models", std::move(entries)},
      {"cpus", engine.cpus},
      {"memory_bytes", engine.memory_bytes},
      {"check_column", settings.check_column},
      {"grpc", engine.grpc_port == 0 ? json(nullptr) : json{{"port", engine.grpc_port}}},
      {"logs", nullptr}};
  if (!settings.log_address_file.empty()) {
    document["logs"] = {{"address_file", settings.log_address_file}, {"token", settings.log_token}};
  }
  return document;
}

}  // namespace

Result<DeploymentPlan> PlanDeployment(Connection& connection, const ModelFiles& files,
                                      const Pipeline& pipeline, const PipelineVersion& version,
                                      const std::vector<std::int64_t>& config_ids,
                                      const json& engine_config, const std::string& key,
                                      const EngineSettings& settings, const Viewer& viewer) {
  DeploymentPlan plan;
  JOEY_ASSIGN_OR_RETURN(plan.engine, ParseEngineConfig(engine_config));
  json stored;
  Definition definition;
  try {
    stored = json::parse(version.definition);
    JOEY_ASSIGN_OR_RETURN(definition, ParseDefinition(stored));
  } catch (const json::exception& error) {
    return Status(Code::kDataLoss,
                  std::string("a stored pipeline definition is damaged: ") + error.what());
  }
  Result<joey::Plan> steps = MakePlan(definition);
  if (!steps.ok()) {
    return steps.status().WithContext(fmt::format("the pipeline '{}'", pipeline.name));
  }
  JOEY_ASSIGN_OR_RETURN(ConfigsByVersion configs, LoadConfigs(connection, config_ids));

  std::vector<PlannedModel> models;
  std::vector<StepFields> fields;
  for (const PlanNode& node : steps->nodes) {
    StepFields& step = fields.emplace_back();
    step.splits = node.kind == NodeKind::kRandomSplit || node.kind == NodeKind::kValueSplit;
    for (const ModelReference& reference : node.models) {
      JOEY_ASSIGN_OR_RETURN(PlannedModel model,
                            PlanModel(connection, files, reference, configs, viewer));
      const auto& ids = plan.model_config_ids;
      if (std::find(ids.begin(), ids.end(), model.config.id) == ids.end()) {
        plan.model_config_ids.push_back(model.config.id);
      }
      JOEY_ASSIGN_OR_RETURN(ModelFields model_fields, FieldsOf(model.version, model.config));
      step.models.push_back(std::move(model_fields));
      models.push_back(std::move(model));
    }
  }
  JOEY_RETURN_IF_ERROR(
      CheckFit(*steps, fields).WithContext(fmt::format("the pipeline '{}'", pipeline.name)));
  JOEY_RETURN_IF_ERROR(CheckConfigsBelong(connection, definition, config_ids, plan.model_config_ids,
                                          configs, pipeline.name, viewer));
  KeepUsedSidekicks(models, plan.engine);
  JOEY_RETURN_IF_ERROR(CheckArch(models, plan.engine));
  if (settings.on_runtime) {
    for (const PlannedModel& model : models) settings.on_runtime(model.config.runtime);
  }
  plan.document =
      DocumentOf(pipeline, version, stored.at("steps"), key, models, plan.engine, settings).dump();
  return plan;
}

deploy::DeploymentSpec SpecOf(const Deployment& deployment, const DeploymentPlan& plan) {
  deploy::DeploymentSpec spec;
  spec.id = deployment.id;
  spec.deploy_id = deployment.deploy_id;
  spec.pipeline_name = deployment.pipeline_name;
  spec.generation = deployment.generation;
  spec.document = plan.document;
  spec.replicas = static_cast<int>(plan.engine.replicas);
  spec.autoscale = plan.engine.autoscale;
  const Demand replica = DemandOfReplica(plan.engine);
  // Without a limit of the engine there is none for all of it.
  spec.cpus = plan.engine.cpus > 0 ? replica.cpus : 0;
  spec.memory_bytes =
      plan.engine.memory_bytes > 0 ? static_cast<std::int64_t>(replica.memory_bytes) : 0;
  spec.notes = plan.notes;
  return spec;
}

}  // namespace joey::control
