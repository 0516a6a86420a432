// API tokens of the caller; administrators see and revoke those of all users.
#include "api/documents.h"
#include "api/resources.h"
#include "base/clock.h"

namespace joey::api {

using nlohmann::json;

namespace {

json Document(const auth::ApiToken& token) {
  json expires_at;
  if (token.expires_at) expires_at = FormatMicros(*token.expires_at);
  return {{"id", token.id},
          {"name", token.name},
          {"user_id", token.user_id},
          {"email", token.email},
          {"created_at", FormatMicros(token.created_at)},
          {"expires_at", expires_at}};
}

std::optional<std::string_view> OnlyOf(const Call& call) {
  if (call.user().administrator) return std::nullopt;
  return call.user().id;
}

}  // namespace

Endpoints TokenEndpoints(const Services& services) {
  Endpoints out;
  out.push_back({.path = "/v1/api/tokens/create",
                 .access = Access::Users(),
                 .family = "tokens",
                 .summary = "A new API token of the caller; it is shown in this answer only",
                 .request = {{"name", Type::kText}, {"days", Type::kInteger, Presence::kOptional}},
                 .response = {{"token", Type::kText},
                              {"record", Type::kDocument, Presence::kRequired, "api_token"}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(
                       const auth::NewApiToken made,
                       services.api_tokens.Create(call.user().id, call.Text("name"),
                                                  call.Optional<std::int64_t>("days")));
                   return json{{"token", made.secret}, {"record", Document(made.record)}};
                 }});
  out.push_back({.path = "/v1/api/tokens/list",
                 .access = Access::Users(),
                 .family = "tokens",
                 .summary = "API tokens, newest first: the caller's, all for an administrator",
                 .response = {{"tokens", Type::kDocuments, Presence::kRequired, "api_token"}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_ASSIGN_OR_RETURN(const auto tokens, services.api_tokens.List(OnlyOf(call)));
                   json list = json::array();
                   for (const auth::ApiToken& token : tokens) list.push_back(Document(token));
                   return json{{"tokens", std::move(list)}};
                 }});
  out.push_back({.path = "/v1/api/tokens/revoke",
                 .access = Access::Users(),
                 .family = "tokens",
                 .summary = "Ends an API token at once",
                 .request = {{"id", Type::kUuid}},
                 .handler = [services](const Call& call) -> Result<json> {
                   JOEY_RETURN_IF_ERROR(services.api_tokens.Revoke(call.Text("id"), OnlyOf(call)));
                   return json::object();
                 }});
  return out;
}

}  // namespace joey::api
