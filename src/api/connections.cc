#include "api/documents.h"
#include "api/resources.h"

namespace joey::api {

using control::Resource;
using nlohmann::json;

namespace {

json WithDetails(const control::DataConnection& connection) {
  json document = ToJson(connection);
  document["details"] = json::parse(connection.details, nullptr, false);
  return document;
}

}  // namespace

Endpoints ConnectionEndpoints(const Services& services) {
  const Fields link = {{"workspace_id", Type::kInteger}, {"connection_id", Type::kUuid}};
  const Access in_workspace = Access::Members(
      {{Resource::kWorkspace, "workspace_id"}, {Resource::kConnection, "connection_id"}});
  Endpoints out;
  out.push_back(
      {.path = "/v1/api/connections/create",
       .access = Access::Users(),
       .family = "connections",
       .summary = "A new connection; names are unique over all workspaces",
       .request = {{"name", Type::kText},
                   {"type", Type::kText},
                   {"details", Type::kObject, Presence::kOptional}},
       .response = {{"id", Type::kUuid}},
       .handler = [services](const Call& call) -> Result<json> {
         JOEY_ASSIGN_OR_RETURN(
             const std::string id,
             services.connections.Create(call.Text("name"), call.Text("type"),
                                         call.Optional<json>("details").value_or(json::object()),
                                         call.user().id));
         return json{{"id", id}};
       }});
  out.push_back({.path = "/v1/api/connections/get",
                 .access = Access::Members({{Resource::kConnectionName, "name"}}),
                 .family = "connections",
                 .summary = "A connection with its details, by name",
                 .request = {{"name", Type::kText}},
                 .response_document = "connection",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(
                       const auto found,
                       services.connections.Find(call.Text("name"), ViewerOf(call.user())));
                   return WithDetails(found);
                 }});
  out.push_back({.path = "/v1/api/connections/get_by_id",
                 .access = Access::Members({{Resource::kConnection, "id"}}),
                 .family = "connections",
                 .summary = "A connection with its details",
                 .request = {{"id", Type::kUuid}},
                 .response_document = "connection",
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(
                       const auto found,
                       services.connections.Get(call.Text("id"), ViewerOf(call.user())));
                   return WithDetails(found);
                 }});
  out.push_back(
      {.path = "/v1/api/connections/list",
       .access = Access::Members({{Resource::kWorkspace, "workspace_id"}}),
       .family = "connections",
       .summary = "The connections of a workspace, or all that the caller sees; without details",
       .request = {{"workspace_id", Type::kInteger, Presence::kOptional}},
       .response = {{"connections", Type::kDocuments, Presence::kRequired, "connection"}},
       .handler = [services](const Call& call) -> Result<json> {
         JOEY_ASSIGN_OR_RETURN(const auto found, services.connections.List(
                                                     call.Optional<std::int64_t>("workspace_id"),
                                                     ViewerOf(call.user())));
         return json{{"connections", ToJson(found)}};
       }});
  out.push_back({.path = "/v1/api/connections/add_to_workspace",
                 .access = in_workspace,
                 .family = "connections",
                 .summary = "Lets the members of a workspace use a connection; the id of the link",
                 .request = link,
                 .response = {{"id", Type::kUuid}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const std::string id, services.connections.AddToWorkspace(
                                                                   call.Text("connection_id"),
                                                                   call.Integer("workspace_id")));
                   return json{{"id", id}};
                 }});
  out.push_back({.path = "/v1/api/connections/remove_from_workspace",
                 .access = in_workspace,
                 .family = "connections",
                 .summary = "Takes a connection out of a workspace",
                 .request = link,
                 .status = 204,
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_RETURN_IF_ERROR(services.connections.RemoveFromWorkspace(
                       call.Text("connection_id"), call.Integer("workspace_id")));
                   return json(nullptr);
                 }});
  out.push_back({.path = "/v1/api/connections/delete",
                 .access = Access::Owners({{Resource::kConnectionName, "name"}}),
                 .family = "connections",
                 .summary = "Deletes a connection that is in no workspace",
                 .request = {{"name", Type::kText}},
                 .status = 204,
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_RETURN_IF_ERROR(
                       services.connections.Delete(call.Text("name"), ViewerOf(call.user())));
                   return json(nullptr);
                 }});
  return out;
}

}  // namespace joey::api
