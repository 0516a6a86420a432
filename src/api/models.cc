#include "api/documents.h"
#include "api/resources.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

namespace {

// {"model_version": {"model_version": …, "config": …}}
Result<json> WithConfig(const Services& services, const control::ModelVersion& version) {
  JOEY_ASSIGN_OR_RETURN(const auto config, services.models.NewestConfig(version.id));
  return json{{"model_version", {{"model_version", ToJson(version)}, {"config", ToJson(config)}}}};
}

const Fields kVersionAndConfig = {
    {"model_version", Type::kDocument, Presence::kRequired, "model_version_and_config"}};

}  // namespace

Endpoints ModelEndpoints(const Services& services) {
  Endpoints out;
  out.push_back({.path = "/v1/api/models/list",
                 .access = Access::Members({{Resource::kWorkspace, "workspace_id"}}),
                 .family = "models",
                 .summary = "The models of a workspace, newest first",
                 .request = {{"workspace_id", Type::kInteger}},
                 .response = {{"models", Type::kDocuments, Presence::kRequired, "model"}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto models,
                                         services.models.List(call.Integer("workspace_id")));
                   return json{{"models", ToJson(models)}};
                 }});
  out.push_back({.path = "/v1/api/models/get",
                 .access = Access::Members({{Resource::kModel, "id"}}),
                 .family = "models",
                 .summary = "One model with its versions in `models`, newest first",
                 .request = {{"id", Type::kInteger}},
                 .response_document = "model",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto model, services.models.Get(call.Integer("id")));
                   JOEY_ASSIGN_OR_RETURN(const auto versions, services.models.Versions(model.id));
                   json document = ToJson(model);
                   document["models"] = ToJson(versions);
                   return document;
                 }});
  out.push_back({.path = "/v1/api/models/get_version_by_id",
                 .access = Access::Members({{Resource::kModelVersion, "model_version_id"}}),
                 .family = "models",
                 .summary = "One version of a model and its newest configuration",
                 .request = {{"model_version_id", Type::kInteger}},
                 .response = kVersionAndConfig,
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto version, services.models.GetVersion(
                                                                 call.Integer("model_version_id")));
                   return WithConfig(services, version);
                 }});
  out.push_back({.path = "/v1/api/models/find_version",
                 .access = Access::Users(),
                 .family = "models",
                 .summary = "One version of a model by name and UUID",
                 .request = {{"name", Type::kText}, {"version", Type::kUuid}},
                 .response = kVersionAndConfig,
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(
                       const auto version,
                       services.models.FindVersion(call.Text("name"), call.Text("version"),
                                                   ViewerOf(call.user())));
                   return WithConfig(services, version);
                 }});
  return out;
}

}  // namespace joey::api
