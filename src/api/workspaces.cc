#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "api/documents.h"
#include "api/resources.h"
#include "control/names.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

namespace {

// The workspaces' documents; with `expand` also the newest model versions and the pipelines, which
// `only` (or the viewer) limits as it did the workspaces.
Result<json> Documents(const Services& services, const std::vector<control::Workspace>& workspaces,
                       std::optional<std::int64_t> only, const control::Viewer& viewer,
                       bool expand) {
  json out = json::array();
  std::map<std::int64_t, json*> places;
  for (const control::Workspace& workspace : workspaces) out.push_back(ToJson(workspace));
  if (!expand) return out;
  for (json& document : out) {
    document["model_versions"] = json::array();
    document["pipeline_docs"] = json::array();
    places[document.at("id").get<std::int64_t>()] = &document;
  }
  JOEY_ASSIGN_OR_RETURN(const auto versions, services.models.NewestVersions(only, viewer));
  JOEY_ASSIGN_OR_RETURN(const auto pipelines, services.pipelines.List(only, viewer));
  // A workspace that was made meanwhile has no place.
  for (const control::ModelVersion& version : versions) {
    const auto place = places.find(version.workspace_id);
    if (place != places.end()) (*place->second)["model_versions"].push_back(ToJson(version));
  }
  for (const control::Pipeline& pipeline : pipelines) {
    const auto place = places.find(pipeline.workspace_id);
    if (place != places.end()) (*place->second)["pipeline_docs"].push_back(ToJson(pipeline));
  }
  return out;
}

Result<json> Document(const Services& services, const control::Workspace& workspace, bool expand) {
  JOEY_ASSIGN_OR_RETURN(json documents,
                        Documents(services, {workspace}, workspace.id, control::Viewer(), expand));
  return std::move(documents.front());
}

Result<bool> IsOwner(const Call& call) {
  std::string type = call.Optional<std::string>("user_type").value_or("collaborator");
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (type == "owner") return true;
  if (type == "collaborator") return false;
  return InvalidArgument("there is no user_type " + control::Quoted(type),
                         "use 'owner' or 'collaborator'");
}

bool Expand(const Call& call) { return call.Optional<bool>("expand").value_or(false); }

}  // namespace

Endpoints WorkspaceEndpoints(const Services& services) {
  Endpoints out;
  out.push_back(
      {.path = "/v1/api/workspaces/list",
       .access = Access::Users(),
       .family = "workspaces",
       .summary = "The workspaces that the caller is in, in order of id; all for an administrator",
       .request = {{"expand", Type::kBoolean, Presence::kOptional}},
       .response = {{"workspaces", Type::kDocuments, Presence::kRequired, "workspace"}},
       .handler = [services](const Call& call) -> Result<json> {
         const control::Viewer viewer = ViewerOf(call.user());
         JOEY_ASSIGN_OR_RETURN(const auto workspaces, services.workspaces.List(viewer));
         JOEY_ASSIGN_OR_RETURN(json documents,
                               Documents(services, workspaces, std::nullopt, viewer, Expand(call)));
         return json{{"workspaces", std::move(documents)}};
       }});
  out.push_back({.path = "/v1/api/workspaces/create",
                 .access = Access::Users(),
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
                 .access = Access::Users(),
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
                 .access = Access::Members({{Resource::kWorkspace, "workspace_id"}}),
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
  out.push_back({.path = "/v1/api/workspaces/add_user",
                 .access = Access::Owners({{Resource::kWorkspace, "workspace_id"}}),
                 .family = "workspaces",
                 .summary = "Puts a user into a workspace, or makes one there its owner",
                 .request = {{"workspace_id", Type::kInteger},
                             {"email", Type::kText},
                             {"user_type", Type::kText, Presence::kOptional}},
                 .response_document = "workspace",
                 .handler = [services](const Call& call) -> Result<json> {
                   const std::int64_t id = call.Integer("workspace_id");
                   JOEY_ASSIGN_OR_RETURN(const bool owner, IsOwner(call));
                   JOEY_RETURN_IF_ERROR(services.workspaces.AddUser(id, call.Text("email"), owner));
                   JOEY_ASSIGN_OR_RETURN(const auto workspace, services.workspaces.Get(id));
                   return ToJson(workspace);
                 }});
  out.push_back({.path = "/v1/api/workspaces/remove_user",
                 .access = Access::Owners({{Resource::kWorkspace, "workspace_id"}}),
                 .family = "workspaces",
                 .summary = "Takes a user out of a workspace",
                 .request = {{"workspace_id", Type::kInteger}, {"email", Type::kText}},
                 .response_document = "workspace",
                 .handler = [services](const Call& call) -> Result<json> {
                   const std::int64_t id = call.Integer("workspace_id");
                   JOEY_RETURN_IF_ERROR(services.workspaces.RemoveUser(id, call.Text("email")));
                   JOEY_ASSIGN_OR_RETURN(const auto workspace, services.workspaces.Get(id));
                   return ToJson(workspace);
                 }});
  return out;
}

}  // namespace joey::api
