#include "pipeline/deployment_document.h"

#include <nlohmann/json.hpp>

namespace joey {

namespace {

using nlohmann::json;

ModelReference ReadReference(const json& model) {
  return {model.at("name"), model.at("version"), model.at("sha")};
}

DeploymentDocument Read(const json& document) {
  DeploymentDocument out;
  out.deployment = document.at("deployment");
  out.partition = document.at("partition");
  const json& pipeline = document.at("pipeline");
  out.pipeline_name = pipeline.at("name");
  out.pipeline_version = pipeline.at("version");
  out.topic = pipeline.at("topic");
  for (const json& step : document.at("steps")) {
    const json& models = step.at("ModelInference").at("models");
    out.steps.push_back(ReadReference(models.at(0)));
  }
  for (const json& model : document.at("models")) {
    ModelEntry entry;
    entry.reference = ReadReference(model);
    entry.path = model.at("path");
    entry.runtime = model.at("runtime");
    if (model.contains("tensor_fields") && !model["tensor_fields"].is_null()) {
      entry.tensor_fields = model["tensor_fields"].get<std::vector<std::string>>();
    }
    entry.single_row = model.contains("batch_config") && model["batch_config"] == "single";
    out.models.push_back(std::move(entry));
  }
  out.cpus = document.value("cpus", 0.0);
  out.memory_bytes = document.value("memory_bytes", std::int64_t{0});
  if (document.value("check_column", "anomaly") == "check_failures") {
    out.check_column = CheckColumn::kCheckFailures;
  }
  if (document.contains("logs") && !document["logs"].is_null()) {
    const json& logs = document["logs"];
    out.logs = LogSettings{logs.at("address_file"), logs.at("token"), logs.at("spool_directory")};
  }
  if (document.contains("owner") && !document["owner"].is_null()) {
    out.owner_pid_file = document["owner"].at("pid_file");
  }
  return out;
}

}  // namespace

Result<DeploymentDocument> ParseDeploymentDocument(std::string_view text) {
  try {
    return Read(json::parse(text));
  } catch (const json::exception& error) {
    return InvalidArgument(
        std::string("the deployment document is not as expected: ") + error.what(),
        "docs/rest-api.md describes it");
  }
}

}  // namespace joey
