// Users as Keycloak's admin API shows them, for the public client (WIRE.md §1.5).
#include "api/identity.h"

namespace joey::api {

using nlohmann::json;

namespace {

json Document(const auth::Account& account) {
  return {{"id", account.user.id},
          {"username", account.user.username},
          {"email", account.user.email},
          {"enabled", account.enabled},
          {"createdTimestamp", account.created_at / 1000}};
}

Result<json> List(auth::Users& users, const http::Request& request) {
  const std::string email = QueryValue(request, "email");
  const std::string username = QueryValue(request, "username");
  JOEY_ASSIGN_OR_RETURN(const auto all, users.List());
  json out = json::array();
  for (const auth::Account& account : all) {
    const bool wanted =
        (email.empty() || http::EqualsIgnoreCase(email, account.user.email)) &&
        (username.empty() || http::EqualsIgnoreCase(username, account.user.username));
    if (wanted) out.push_back(Document(account));
  }
  return out;
}

Result<json> Get(auth::Users& users, const http::Request& request) {
  JOEY_ASSIGN_OR_RETURN(const auth::Account account, users.Get(request.path_parameters.at(0)));
  return Document(account);
}

// The client sends the whole object back; only `enabled` may change.
Status Update(auth::Users& users, const http::Request& request) {
  JOEY_ASSIGN_OR_RETURN(const json body, ParseBody(request.body));
  JOEY_RETURN_IF_ERROR(CheckFields(body, {{"enabled", Type::kBoolean}}));
  return users.SetEnabled(request.path_parameters.at(0), body.at("enabled").get<bool>());
}

http::Response Answered(const Result<json>& answer) {
  return answer.ok() ? http::Response::Json(answer->dump()) : http::ErrorResponse(answer.status());
}

}  // namespace

Endpoints AdminUserEndpoints(auth::Users& users) {
  const std::string path = "/auth/admin/realms/master/users";
  auth::Users* const all = &users;
  Endpoints out;
  out.push_back({.method = "GET",
                 .path = path,
                 .access = Access::Users(),
                 .family = "users",
                 .summary = "Users, also those with the ?email= or ?username= only",
                 .raw = [all](http::Request& request, const control::User&) {
                   return Answered(List(*all, request));
                 }});
  out.push_back({.method = "GET",
                 .path = path + "/{id}",
                 .access = Access::Users(),
                 .family = "users",
                 .summary = "One user",
                 .raw = [all](http::Request& request, const control::User&) {
                   return Answered(Get(*all, request));
                 }});
  out.push_back(
      {.method = "PUT",
       .path = path + "/{id}",
       .access = Access::Administrators(),
       .family = "users",
       .summary = "Enables or disables a user, for administrators; other keys change nothing",
       .request = {{"enabled", Type::kBoolean}},
       .status = 204,
       .raw = [all](http::Request& request, const control::User&) {
         const Status status = Update(*all, request);
         if (!status.ok()) return http::ErrorResponse(status);
         http::Response response;
         response.status = 204;
         response.content_type.clear();
         return response;
       }});
  return out;
}

}  // namespace joey::api
