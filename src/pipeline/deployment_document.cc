#include "pipeline/deployment_document.h"

#include <nlohmann/json.hpp>

#include "data/schema_text.h"

namespace joey {

namespace {

using nlohmann::json;

ModelReference ReadReference(const json& model) {
  return {model.at("name"), model.at("version"), model.at("sha")};
}

Result<std::shared_ptr<arrow::Schema>> ReadSchema(const json& model, const char* key) {
  const auto found = model.find(key);
  if (found == model.end() || found->is_null()) return std::shared_ptr<arrow::Schema>();
  Result<std::shared_ptr<arrow::Schema>> schema = DecodeSchema(found->get<std::string>());
  if (!schema.ok()) return schema.status().WithContext(std::string("the model's ") + key);
  return schema;
}

Result<DeploymentDocument> Read(const json& document) {
  DeploymentDocument out;
  JOEY_ASSIGN_OR_RETURN(out.definition, ParseDefinition(document));
  out.deployment = document.at("deployment");
  out.partition = document.at("partition");
  const json& pipeline = document.at("pipeline");
  out.pipeline_name = pipeline.at("name");
  out.pipeline_version = pipeline.at("version");
  out.topic = pipeline.at("topic");
  for (const json& model : document.at("models")) {
    ModelEntry entry;
    entry.reference = ReadReference(model);
    entry.path = model.at("path");
    entry.file_sha = model.value("file_sha", entry.reference.sha);
    entry.runtime = model.at("runtime");
    entry.framework = model.value("framework", "");
    entry.environment = model.value("environment", "");
    if (model.contains("tensor_fields") && !model["tensor_fields"].is_null()) {
      entry.tensor_fields = model["tensor_fields"].get<std::vector<std::string>>();
    }
    entry.single_row = model.contains("batch_config") && model["batch_config"] == "single";
    JOEY_ASSIGN_OR_RETURN(entry.input_schema, ReadSchema(model, "input_schema"));
    JOEY_ASSIGN_OR_RETURN(entry.output_schema, ReadSchema(model, "output_schema"));
    if (const auto sidekick = model.find("sidekick"); sidekick != model.end()) {
      entry.workers.cpus = sidekick->value("cpus", 0.0);
      entry.workers.memory_bytes = sidekick->value("memory_bytes", std::int64_t{0});
      const json environment = sidekick->value("env", json::object());
      for (const auto& [name, value] : environment.items()) {
        entry.workers.environment.push_back(name + "=" + value.get<std::string>());
      }
    }
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
  if (document.contains("grpc") && !document["grpc"].is_null()) {
    out.grpc_port = document["grpc"].at("port").get<int>();
  }
  if (document.contains("flight") && !document["flight"].is_null()) {
    out.flight_port = document["flight"].at("port").get<int>();
    const int idle =
        document["flight"].value("idle_seconds", static_cast<int>(out.flight_idle_max.count()));
    if (idle < 1 || idle > 86400) {
      return InvalidArgument("flight.idle_seconds is " + std::to_string(idle),
                             "give a number of seconds up to a day");
    }
    out.flight_idle_max = std::chrono::seconds(idle);
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
