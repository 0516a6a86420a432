#include "api/documents.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "control/signature_json.h"

namespace joey::api {

using nlohmann::json;

namespace {

constexpr Presence kNullable = Presence::kNullable;
constexpr Presence kOptional = Presence::kOptional;

template <typename T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

}  // namespace

const std::map<std::string, Fields>& DocumentFields() {
  static const std::map<std::string, Fields> kDocuments = {
      {"user",
       {{"id", Type::kUuid}, {"email", Type::kText}, {"user_type", Type::kText, kOptional}}},
      {"api_token",
       {{"id", Type::kUuid},
        {"name", Type::kText},
        {"user_id", Type::kUuid},
        {"email", Type::kText},
        {"created_at", Type::kTime},
        {"expires_at", Type::kTime, kNullable}}},
      {"account",
       {{"id", Type::kUuid},
        {"username", Type::kText},
        {"email", Type::kText},
        {"emailVerified", Type::kBoolean},
        {"enabled", Type::kBoolean},
        {"createdTimestamp", Type::kInteger},
        {"firstName", Type::kText},
        {"lastName", Type::kText},
        {"administrator", Type::kBoolean},
        {"access", Type::kObject},
        {"disableableCredentialTypes", Type::kTexts},
        {"requiredActions", Type::kTexts},
        {"notBefore", Type::kInteger}}},
      {"workspace",
       {{"id", Type::kInteger},
        {"name", Type::kText},
        {"created_at", Type::kTime},
        {"created_by", Type::kUuid},
        {"archived", Type::kBoolean},
        {"models", Type::kIntegers},
        {"pipelines", Type::kIntegers},
        {"users", Type::kDocuments, Presence::kRequired, "user"},
        {"model_versions", Type::kDocuments, kOptional, "model_version"},
        {"pipeline_docs", Type::kDocuments, kOptional, "pipeline"}}},
      {"connection",
       {{"id", Type::kUuid},
        {"name", Type::kText},
        {"type", Type::kText},
        {"details", Type::kObject, kOptional},
        {"created_at", Type::kTime},
        {"created_by", Type::kUuid},
        {"workspace_names", Type::kTexts}}},
      {"tag", {{"id", Type::kInteger}, {"tag", Type::kText}}},
      {"tag_use",
       {{"id", Type::kInteger},
        {"tag", Type::kText},
        {"model_versions", Type::kDocuments, Presence::kRequired, "model_version"},
        {"pipelines", Type::kDocuments, Presence::kRequired, "pipeline"}}},
      {"model",
       {{"id", Type::kInteger},
        {"name", Type::kText},
        {"owner_id", Type::kUuid},
        {"workspace_id", Type::kInteger},
        {"created_at", Type::kTime},
        {"updated_at", Type::kTime},
        {"versions", Type::kInteger},
        {"models", Type::kDocuments, kOptional, "model_version"}}},
      {"field", {{"name", Type::kText}, {"type", Type::kText}, {"shape", Type::kList}}},
      {"model_version",
       {{"id", Type::kInteger},
        {"model_id", Type::kText},
        {"name", Type::kText},
        {"model_version", Type::kUuid},
        {"version", Type::kUuid},
        {"models_pk_id", Type::kInteger},
        {"sha", Type::kText},
        {"status", Type::kText},
        {"status_text", Type::kText},
        {"file_name", Type::kText},
        {"image_path", Type::kText, kNullable},
        {"arch", Type::kText, kNullable},
        {"visibility", Type::kText},
        {"owner_id", Type::kUuid},
        {"workspace_id", Type::kInteger},
        {"created_at", Type::kTime},
        {"updated_at", Type::kTime},
        {"size_bytes", Type::kInteger},
        {"framework", Type::kText},
        {"inputs", Type::kDocuments, Presence::kRequired, "field"},
        {"outputs", Type::kDocuments, Presence::kRequired, "field"},
        {"tags", Type::kDocuments, Presence::kRequired, "tag"}}},
      {"model_config",
       {{"id", Type::kInteger},
        {"model_version_id", Type::kInteger},
        {"runtime", Type::kText},
        {"tensor_fields", Type::kTexts, kNullable},
        {"filter_threshold", Type::kNumber, kNullable},
        {"input_schema", Type::kText, kNullable},
        {"output_schema", Type::kText, kNullable},
        {"batch_config", Type::kText, kNullable},
        {"model", Type::kObject}}},
      {"model_version_and_config",
       {{"model_version", Type::kDocument, Presence::kRequired, "model_version"},
        {"config", Type::kDocument, kNullable, "model_config"}}},
      {"pipeline",
       {{"id", Type::kInteger},
        {"name", Type::kText},
        {"workspace_id", Type::kInteger},
        {"owner_id", Type::kUuid},
        {"visibility", Type::kText},
        {"created_at", Type::kTime},
        {"updated_at", Type::kTime},
        {"tags", Type::kDocuments, Presence::kRequired, "tag"},
        {"published", Type::kBoolean},
        {"versions", Type::kDocuments, Presence::kRequired, "pipeline_version"},
        {"deployment", Type::kDocument, kNullable, "deployment"}}},
      {"pipeline_version",
       {{"id", Type::kInteger},
        {"version", Type::kUuid},
        {"pipeline_id", Type::kInteger},
        {"pipeline_name", Type::kText},
        {"created_at", Type::kTime},
        {"updated_at", Type::kTime},
        {"definition", Type::kObject},
        {"deployed", Type::kBoolean},
        {"model_config_ids", Type::kIntegers}}},
      {"deployment",
       {{"id", Type::kInteger},
        {"deploy_id", Type::kText},
        {"deployed", Type::kBoolean},
        {"engine_config", Type::kObject},
        {"pipeline_id", Type::kInteger},
        {"pipeline_name", Type::kText},
        {"pipeline_version_id", Type::kInteger},
        {"model_config_ids", Type::kIntegers},
        {"url", Type::kText}}},
      {"deployment_status",
       {{"status", Type::kText},
        {"details", Type::kTexts},
        {"engines", Type::kDocuments, Presence::kRequired, "engine_status"},
        {"engine_lbs", Type::kDocuments, Presence::kRequired, "balancer_status"},
        {"sidekicks", Type::kList}}},
      {"engine_status",
       {{"ip", Type::kText},
        {"name", Type::kText},
        {"status", Type::kText},
        {"reason", Type::kText, kNullable},
        {"details", Type::kTexts},
        {"pipeline_statuses", Type::kObject},
        {"model_statuses", Type::kObject}}},
      {"balancer_status",
       {{"ip", Type::kText},
        {"name", Type::kText},
        {"status", Type::kText},
        {"reason", Type::kText, kNullable},
        {"details", Type::kTexts}}},
      {"error",
       {{"code", Type::kInteger},
        {"msg", Type::kText},
        {"error", Type::kText},
        {"hint", Type::kText}}},
  };
  return kDocuments;
}

std::string SchemaReference(std::string_view document) {
  return "#/components/schemas/" + std::string(document);
}

json ToJson(const control::User& user) {
  json out = {{"id", user.id}, {"email", user.email}};
  if (!user.user_type.empty()) out["user_type"] = user.user_type;
  return out;
}

json ToJson(const control::Workspace& workspace) {
  return {{"id", workspace.id},
          {"name", workspace.name},
          {"created_at", FormatMicros(workspace.created_at)},
          {"created_by", workspace.created_by},
          {"archived", workspace.archived},
          {"models", workspace.model_ids},
          {"pipelines", workspace.pipeline_ids},
          {"users", ToJson(workspace.users)}};
}

json ToJson(const control::DataConnection& connection) {
  return {{"id", connection.id},
          {"name", connection.name},
          {"type", connection.type},
          {"created_at", FormatMicros(connection.created_at)},
          {"created_by", connection.created_by},
          {"workspace_names", connection.workspace_names}};
}

json ToJson(const control::Tag& tag) { return {{"id", tag.id}, {"tag", tag.text}}; }

json ToJson(const control::TagUse& use) {
  return {{"id", use.tag.id},
          {"tag", use.tag.text},
          {"model_versions", ToJson(use.model_versions)},
          {"pipelines", ToJson(use.pipelines)}};
}

json ToJson(const control::ModelRecord& model) {
  return {{"id", model.id},
          {"name", model.name},
          {"owner_id", model.owner_id},
          {"workspace_id", model.workspace_id},
          {"created_at", FormatMicros(model.created_at)},
          {"updated_at", FormatMicros(model.updated_at)},
          {"versions", model.versions}};
}

json ToJson(const control::ModelVersion& version) {
  return {{"id", version.id},
          {"model_id", version.name},
          {"name", version.name},
          {"model_version", version.version},
          {"version", version.version},
          {"models_pk_id", version.model_id},
          {"sha", version.sha},
          {"status", version.status},
          {"status_text", version.status_text},
          {"file_name", version.file_name},
          {"image_path", version.image_path.empty() ? json(nullptr) : json(version.image_path)},
          {"arch", version.arch.empty() ? json(nullptr) : json(version.arch)},
          {"visibility", version.visibility},
          {"owner_id", version.owner_id},
          {"workspace_id", version.workspace_id},
          {"created_at", FormatMicros(version.created_at)},
          {"updated_at", FormatMicros(version.updated_at)},
          {"size_bytes", version.size_bytes},
          {"framework", version.framework},
          {"inputs", control::FieldsToJson(version.signature.inputs)},
          {"outputs", control::FieldsToJson(version.signature.outputs)},
          {"tags", ToJson(version.tags)}};
}

json ToJson(const control::ModelConfig& config) {
  return {{"id", config.id},
          {"model_version_id", config.model_version_id},
          {"runtime", config.runtime},
          {"tensor_fields", OrNull(config.tensor_fields)},
          {"filter_threshold", OrNull(config.filter_threshold)},
          {"input_schema", OrNull(config.input_schema)},
          {"output_schema", OrNull(config.output_schema)},
          {"batch_config", OrNull(config.batch_config)},
          {"model", {{"id", config.model_version_id}}}};
}

json ToJson(const control::Pipeline& pipeline) {
  return {{"id", pipeline.id},
          {"name", pipeline.name},
          {"workspace_id", pipeline.workspace_id},
          {"owner_id", pipeline.owner_id},
          {"visibility", pipeline.visibility},
          {"created_at", FormatMicros(pipeline.created_at)},
          {"updated_at", FormatMicros(pipeline.updated_at)},
          {"tags", ToJson(pipeline.tags)},
          {"published", false},
          {"versions", ToJson(pipeline.versions)},
          {"deployment", ToJson(pipeline.deployment)}};
}

json ToJson(const control::PipelineVersion& version) {
  return {{"id", version.id},
          {"version", version.version},
          {"pipeline_id", version.pipeline_id},
          {"pipeline_name", version.pipeline_name},
          {"created_at", FormatMicros(version.created_at)},
          {"updated_at", FormatMicros(version.updated_at)},
          {"definition", json::parse(version.definition, nullptr, false)},
          {"deployed", version.deployed},
          {"model_config_ids", version.model_config_ids}};
}

json ToJson(const control::Deployment& deployment) {
  return {{"id", deployment.id},
          {"deploy_id", deployment.deploy_id},
          {"deployed", deployment.deployed},
          {"engine_config", json::parse(deployment.engine_config, nullptr, false)},
          {"pipeline_id", deployment.pipeline_id},
          {"pipeline_name", deployment.pipeline_name},
          {"pipeline_version_id", deployment.pipeline_version_id},
          {"model_config_ids", deployment.model_config_ids},
          {"url", fmt::format("/v1/api/pipelines/infer/{}/{}", deployment.Key(),
                              deployment.pipeline_name)}};
}

}  // namespace joey::api
