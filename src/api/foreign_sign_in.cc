// Below /auth when users are those of another provider: programs that have our paths built in are
// sent to it.
#include "api/identity.h"
#include "auth/provider.h"

namespace joey::api {

using nlohmann::json;

namespace {

// 307: the method and the form go along.
Endpoint Redirect(auth::Provider& provider, const char* method, const std::string& path,
                  const char* name) {
  Endpoint endpoint{.method = method,
                    .path = path,
                    .access = Access::Anybody(),
                    .family = "sign-in",
                    .summary = std::string("Redirects to the provider's ") + name,
                    .content_type = "application/x-www-form-urlencoded"};
  endpoint.raw = [from = &provider, name](http::Request&, const control::User&) {
    const Result<json> discovery = from->Discovery();
    if (!discovery.ok()) return http::ErrorResponse(discovery.status());
    const std::string target = discovery->value(name, "");
    if (target.empty()) {
      return http::ErrorResponse(
          NotFound(std::string("the provider has no ") + name, "sign in in another way"));
    }
    http::Response response;
    response.status = 307;
    response.content_type.clear();
    response.headers.emplace_back("Location", target);
    return response;
  };
  return endpoint;
}

}  // namespace

Endpoints ForeignSignInEndpoints(auth::Provider& provider) {
  const std::string protocol = std::string(kRealmPath) + "/protocol/openid-connect";
  Endpoints out;
  out.push_back(Redirect(provider, "POST", protocol + "/token", "token_endpoint"));
  out.push_back(
      Redirect(provider, "POST", protocol + "/auth/device", "device_authorization_endpoint"));
  out.push_back(Redirect(provider, "GET", protocol + "/certs", "jwks_uri"));
  out.push_back(UserInfoEndpoint());
  out.push_back({.method = "GET",
                 .path = std::string(kRealmPath) + "/.well-known/openid-configuration",
                 .access = Access::Anybody(),
                 .family = "sign-in",
                 .summary = "The provider's description, and our client there",
                 .raw = [from = &provider](http::Request&, const control::User&) {
                   Result<json> discovery = from->Discovery();
                   if (!discovery.ok()) return http::ErrorResponse(discovery.status());
                   (*discovery)["joey_client_id"] = from->client_id();
                   return http::Response::Json(discovery->dump());
                 }});
  return out;
}

}  // namespace joey::api
