// OpenID Connect of this server's own realm, as the public client speaks it (WIRE.md §1.3).
#include <spdlog/spdlog.h>

#include "api/identity.h"
#include "auth/limits.h"

namespace joey::api {

using nlohmann::json;

namespace {

constexpr std::string_view kDeviceGrantType = "urn:ietf:params:oauth:grant-type:device_code";

http::Response NoStore(http::Response response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

http::Response ServerError(const Status& status) {
  spdlog::error("sign-in: {}", status.ToString());
  return OAuthError(500, "server_error", "the sign-in could not be looked at");
}

std::string IssuerOf(const Identity& identity, const http::Request& request) {
  return BaseUrl(identity.site, request) + std::string(kRealmPath);
}

http::Response TokensDocument(const auth::Tokens& tokens) {
  return NoStore(http::Response::Json(json{
      {"access_token", tokens.access_token},
      {"token_type", "Bearer"},
      {"expires_in", tokens.expires_in},
      {"refresh_token", tokens.refresh_token},
      {"refresh_expires_in", tokens.refresh_expires_in},
      {"scope", "openid email profile"}}.dump()));
}

http::Response Issue(const Identity& identity, const control::User& user,
                     const http::Request& request) {
  const Result<auth::Tokens> tokens = identity.sign_in.Issue(user, IssuerOf(identity, request));
  return tokens.ok() ? TokensDocument(*tokens) : ServerError(tokens.status());
}

http::Response ByPassword(const Identity& identity, const Form& form,
                          const http::Request& request) {
  const auto answer = identity.sign_in.CheckPassword(form["username"], form["password"],
                                                     ClientAddress(identity.site, request));
  if (!answer.ok()) return ServerError(answer.status());
  if (answer->wait_seconds > 0) {
    http::Response response =
        OAuthError(429, "temporarily_unavailable", "Too many failed sign-ins; try again later");
    response.headers.emplace_back("Retry-After", std::to_string(answer->wait_seconds));
    return response;
  }
  if (!answer->user) return OAuthError(401, "invalid_grant", "Invalid user credentials");
  return Issue(identity, *answer->user, request);
}

http::Response ByRefreshToken(const Identity& identity, const Form& form,
                              const http::Request& request) {
  const auto tokens = identity.sign_in.Refresh(form["refresh_token"], IssuerOf(identity, request));
  if (!tokens.ok()) return ServerError(tokens.status());
  if (!*tokens) return OAuthError(400, "invalid_grant", "Session not active");
  return TokensDocument(**tokens);
}

http::Response ByDeviceCode(const Identity& identity, const Form& form,
                            const http::Request& request) {
  const auto answer = identity.devices.Poll(form["device_code"]);
  if (!answer.ok()) return ServerError(answer.status());
  using State = auth::DeviceGrants::State;
  switch (answer->state) {
    case State::kPending:
      return OAuthError(400, "authorization_pending", "The sign-in waits to be confirmed");
    case State::kTooFast:
      return OAuthError(400, "slow_down", "Slow down");
    case State::kDenied:
      return OAuthError(400, "access_denied", "The sign-in was refused");
    case State::kGone:
      return OAuthError(400, "expired_token", "The device code is unknown, used or expired");
    case State::kApproved:
      break;
  }
  const auto account = identity.users.Get(answer->user_id);
  if (!account.ok() || !account->enabled) {
    return OAuthError(400, "access_denied", "The user is disabled");
  }
  return Issue(identity, account->user, request);
}

// The form of a request of the one client there is, or what is wrong with it.
Result<Form> ClientForm(const http::Request& request, http::Response& refusal) {
  Result<Form> form = Form::Of(request);
  if (!form.ok()) {
    refusal = OAuthError(400, "invalid_request", form.status().message());
  } else if ((*form)["client_id"] != auth::kClientId) {
    refusal = OAuthError(401, "invalid_client", "The client is sdk-client");
    return Status(Code::kUnauthenticated, "another client");
  }
  return form;
}

http::Response Token(const Identity& identity, const http::Request& request) {
  http::Response refusal;
  const Result<Form> form = ClientForm(request, refusal);
  if (!form.ok()) return refusal;
  const std::string& grant = (*form)["grant_type"];
  if (grant == "password") return ByPassword(identity, *form, request);
  if (grant == "refresh_token") return ByRefreshToken(identity, *form, request);
  if (grant == kDeviceGrantType) return ByDeviceCode(identity, *form, request);
  return OAuthError(400, "unsupported_grant_type",
                    "Use password, refresh_token or " + std::string(kDeviceGrantType));
}

http::Response Device(const Identity& identity, const http::Request& request) {
  http::Response refusal;
  const Result<Form> form = ClientForm(request, refusal);
  if (!form.ok()) return refusal;
  const auto begun = identity.devices.Begin(ClientAddress(identity.site, request));
  if (begun.status().code() == Code::kResourceExhausted) {
    return OAuthError(429, "temporarily_unavailable", begun.status().message());
  }
  if (!begun.ok()) return ServerError(begun.status());
  const std::string page = IssuerOf(identity, request) + "/device";
  return NoStore(http::Response::Json(json{
      {"device_code", begun->device_code},
      {"user_code", begun->user_code},
      {"verification_uri", page},
      {"verification_uri_complete", page + "?user_code=" + begun->user_code},
      {"expires_in", auth::kDeviceGrantSeconds},
      {"interval",
       auth::kDeviceIntervalSeconds}}.dump()));
}

http::Response Logout(const Identity& identity, const http::Request& request) {
  http::Response refusal;
  const Result<Form> form = ClientForm(request, refusal);
  if (!form.ok()) return refusal;
  const Status ended = identity.sign_in.End((*form)["refresh_token"]);
  if (!ended.ok()) return ServerError(ended);
  http::Response response;
  response.status = 204;
  response.content_type.clear();
  return response;
}

json Discovery(const std::string& issuer) {
  const std::string base = issuer + "/protocol/openid-connect";
  return {{"issuer", issuer},
          {"token_endpoint", base + "/token"},
          {"device_authorization_endpoint", base + "/auth/device"},
          {"userinfo_endpoint", base + "/userinfo"},
          {"jwks_uri", base + "/certs"},
          {"end_session_endpoint", base + "/logout"},
          {"grant_types_supported", {"password", "refresh_token", kDeviceGrantType}},
          {"response_types_supported", json::array()},
          {"subject_types_supported", {"public"}},
          {"id_token_signing_alg_values_supported", {"ES256"}},
          {"token_endpoint_auth_methods_supported", {"none"}},
          {"scopes_supported", {"openid", "email", "profile"}}};
}

}  // namespace

http::Response OAuthError(int status, std::string_view error, std::string_view description) {
  return NoStore(http::Response::Json(
      json{{"error", error}, {"error_description", description}}.dump(), status));
}

Endpoints OidcEndpoints(const Identity& identity) {
  const std::string realm(kRealmPath);
  const std::string protocol = realm + "/protocol/openid-connect";
  Endpoints out;
  const auto add = [&](const char* method, const std::string& path, const char* summary,
                       Fields request, auto handler) {
    out.push_back(
        {.method = method,
         .path = path,
         .access = Access::Anybody(),
         .family = "sign-in",
         .summary = summary,
         .request = std::move(request),
         .raw = [identity, handler](http::Request& asked,
                                    const control::User&) { return handler(identity, asked); },
         .content_type = "application/x-www-form-urlencoded"});
  };
  add("GET", realm + "/.well-known/openid-configuration", "Where everything of this realm is", {},
      [](const Identity& with, const http::Request& request) {
        return http::Response::Json(Discovery(IssuerOf(with, request)).dump());
      });
  add("GET", protocol + "/certs", "The keys that tokens are signed with", {},
      [](const Identity& with, const http::Request&) {
        return http::Response::Json(json{{"keys", {with.key.public_jwk()}}}.dump());
      });
  add("POST", protocol + "/token",
      "Tokens for a password, a refresh token or a confirmed device code",
      {{"grant_type", Type::kText},
       {"client_id", Type::kText},
       {"username", Type::kText, Presence::kOptional},
       {"password", Type::kText, Presence::kOptional},
       {"refresh_token", Type::kText, Presence::kOptional},
       {"device_code", Type::kText, Presence::kOptional}},
      Token);
  add("POST", protocol + "/auth/device", "Begins a sign-in by device code",
      {{"client_id", Type::kText}}, Device);
  add("POST", protocol + "/logout", "Ends the session of a refresh token",
      {{"client_id", Type::kText}, {"refresh_token", Type::kText}}, Logout);
  out.push_back(UserInfoEndpoint());
  return out;
}

Endpoint UserInfoEndpoint() {
  return {.method = "GET",
          .path = std::string(kRealmPath) + "/protocol/openid-connect/userinfo",
          .access = Access::Users(),
          .family = "sign-in",
          .summary = "Whose token it is",
          .response = {{"sub", Type::kText},
                       {"email", Type::kText},
                       {"preferred_username", Type::kText}},
          .raw = [](http::Request&, const control::User& user) {
            return http::Response::Json(
                json{{"sub", user.id}, {"email", user.email}, {"preferred_username", user.username}}
                    .dump());
          }};
}

Endpoints NoSignInEndpoints() {
  const std::string protocol = std::string(kRealmPath) + "/protocol/openid-connect";
  Endpoints out;
  for (const char* path : {"/token", "/auth/device"}) {
    out.push_back({.path = protocol + path,
                   .access = Access::Anybody(),
                   .family = "sign-in",
                   .summary = "Says that nobody needs to sign in",
                   .raw =
                       [](http::Request&, const control::User&) {
                         return OAuthError(400, "invalid_request",
                                           "joey serve runs with --auth none: nobody needs to sign "
                                           "in, leave auth_type away");
                       },
                   .content_type = "application/x-www-form-urlencoded"});
  }
  return out;
}

}  // namespace joey::api
