#include "api/documents.h"
#include "api/resources.h"

namespace joey::api {

using nlohmann::json;

namespace {

// The workspace's document; with `expand` also the newest model versions and the pipelines.
Result<json> Document(const Services& services, const control::Workspace& workspace, bool expand) {
  json out = ToJson(workspace);
  if (expand) {
    JOEY_ASSIGN_OR_RETURN(const auto versions, services.models.NewestVersions(workspace.id));
    JOEY_ASSIGN_OR_RETURN(const auto pipelines, services.pipelines.List(workspace.id));
    out["model_versions"] = ToJson(versions);
    out["pipeline_docs"] = ToJson(pipelines);
  }
  return out;
}

bool Expand(const Call& call) { return call.Optional<bool>("expand").value_or(false); }

}  // namespace

Endpoints WorkspaceEndpoints(const Services& services) {
  Endpoints out;
  out.push_back({.path = "/v1/api/workspaces/list",
                 .family = "workspaces",
                 .summary = "All workspaces, in order of id",
                 .request = {{"expand", Type::kBoolean, Presence::kOptional}},
                 .response = {{"workspaces", Type::kDocuments, Presence::kRequired, "workspace"}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto workspaces, services.workspaces.List());
                   json list = json::array();
                   for (const control::Workspace& workspace : workspaces) {
                     JOEY_ASSIGN_OR_RETURN(json document,
                                           Document(services, workspace, Expand(call)));
                     list.push_back(std::move(document));
                   }
                   return json{{"workspaces", std::move(list)}};
                 }});
  out.push_back({.path = "/v1/api/workspaces/create",
                 .family = "workspaces",
                 .summary = "A new workspace; names are not unique",
                 .request = {{"workspace_name", Type::kText}},
                 .response = {{"workspace_id", Type::kInteger}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(
                       const std::int64_t id,
                       services.workspaces.Create(call.Text("workspace_name"), call.user().id));
                   return json{{"workspace_id", id}};
                 }});
  out.push_back({.path = "/v1/api/workspaces/current",
                 .family = "workspaces",
                 .summary = "The caller's default workspace",
                 .request = {{"expand", Type::kBoolean, Presence::kOptional}},
                 .response_document = "workspace",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(
                       const control::Workspace workspace,
                       services.workspaces.Default(call.user().id, call.user().email));
                   return Document(services, workspace, Expand(call));
                 }});
  out.push_back({.path = "/v1/api/workspaces/get",
                 .family = "workspaces",
                 .summary = "One workspace",
                 .request = {{"workspace_id", Type::kInteger},
                             {"expand", Type::kBoolean, Presence::kOptional}},
                 .response_document = "workspace",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const control::Workspace workspace,
                                         services.workspaces.Get(call.Integer("workspace_id")));
                   return Document(services, workspace, Expand(call));
                 }});
  return out;
}

}  // namespace joey::api
