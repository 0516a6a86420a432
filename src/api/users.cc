// Users as the public client knows them: the records of an OpenID provider (docs/workspaces.md).
#include <algorithm>

#include "api/documents.h"
#include "api/resources.h"

namespace joey::api {

using nlohmann::json;

namespace {

json Document(const auth::Account& account, const control::User& caller) {
  return {{"id", account.user.id},
          {"username", account.user.username},
          {"email", account.user.email},
          {"emailVerified", true},
          {"enabled", account.enabled},
          {"createdTimestamp", account.created_at / 1000},
          {"firstName", ""},
          {"lastName", ""},
          {"administrator", account.user.administrator},
          {"access", {{"view", true}, {"manage", caller.administrator}}},
          {"disableableCredentialTypes", json::array()},
          {"requiredActions", json::array()},
          {"notBefore", 0}};
}

Result<json> SetEnabled(const Services& services, const Call& call, bool enabled) {
  JOEY_ASSIGN_OR_RETURN(const auto account, services.users.FindByEmail(call.Text("email")));
  if (!account) {
    return NotFound("there is no user with the email '" + call.Text("email").substr(0, 80) + "'",
                    "list the users with wl.list_users()");
  }
  JOEY_RETURN_IF_ERROR(services.users.SetEnabled(account->user.id, enabled));
  return json::object();
}

}  // namespace

Endpoints UserEndpoints(const Services& services) {
  Endpoints out;
  out.push_back({.path = "/v1/api/users/query",
                 .access = Access::Users(),
                 .family = "users",
                 .summary = "The users with these ids, or all, by id",
                 .request = {{"user_ids", Type::kTexts, Presence::kOptional}},
                 .response = {{"users", Type::kObject}},
                 .handler = [services](const Call& call) -> Result<json> {
                   const auto ids = call.Optional<std::vector<std::string>>("user_ids");
                   JOEY_ASSIGN_OR_RETURN(const auto accounts, services.users.List());
                   json users = json::object();
                   for (const auth::Account& account : accounts) {
                     const std::string& id = account.user.id;
                     if (ids && std::find(ids->begin(), ids->end(), id) == ids->end()) continue;
                     users[id] = Document(account, call.user());
                   }
                   return json{{"users", std::move(users)}};
                 }});
  out.push_back(
      {.path = "/v1/api/users/invite",
       .access = Access::Administrators(),
       .family = "users",
       .summary = "A new user; 403 when the server has as many as it may have",
       .request = {{"email", Type::kText}, {"password", Type::kText, Presence::kOptional}},
       .response_document = "account",
       .handler = [services](const Call& call) -> Result<json> {
         auth::NewUser user;
         user.email = call.Text("email");
         user.password = call.Optional<std::string>("password").value_or("");
         JOEY_ASSIGN_OR_RETURN(const auto account, services.users.Create(user));
         return Document(account, call.user());
       }});
  out.push_back(
      {.path = "/v1/api/users/activate",
       .access = Access::Administrators(),
       .family = "users",
       .summary = "Lets a user in again",
       .request = {{"email", Type::kText}},
       .handler = [services](const Call& call) { return SetEnabled(services, call, true); }});
  out.push_back(
      {.path = "/v1/api/users/deactivate",
       .access = Access::Administrators(),
       .family = "users",
       .summary = "Locks a user out at once",
       .request = {{"email", Type::kText}},
       .handler = [services](const Call& call) { return SetEnabled(services, call, false); }});
  return out;
}

}  // namespace joey::api
