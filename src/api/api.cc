#include "api/api.h"

#include <iterator>
#include <utility>

#include "api/documents.h"
#include "api/identity.h"
#include "api/openapi.h"

namespace joey::api {

using nlohmann::json;

namespace {

constexpr std::string_view kInternalPath = "/v1/internal/";

void Append(Endpoints& to, Endpoints from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

Api::Api(const Services& services, auth::Authenticator& authenticator, Endpoints sign_in,
         ApiOptions options)
    : access_(services.access), options_(std::move(options)), authenticator_(authenticator) {
  Append(endpoints_, WorkspaceEndpoints(services));
  Append(endpoints_, UploadEndpoints(services, options_.spool_directory));
  Append(endpoints_, ModelEndpoints(services));
  Append(endpoints_, ModelConfigEndpoints(services));
  Append(endpoints_, TokenEndpoints(services));
  Append(endpoints_, UserEndpoints(services));
  Append(endpoints_, AdminUserEndpoints(services.users));
  Append(endpoints_, std::move(sign_in));
  Append(endpoints_, PipelineEndpoints(services));
  Append(endpoints_, DeploymentEndpoints(services));
  Append(endpoints_, ConnectionEndpoints(services));
  Append(endpoints_, TagEndpoints(services));
  Append(endpoints_, LogEndpoints(services, options_.log_token));
  Append(endpoints_, MetaEndpoints());
  Append(endpoints_, ForeignEndpoints());
  openapi_ = OpenApiDocument(endpoints_, options_.version);
}

Endpoints Api::MetaEndpoints() {
  Endpoints out;
  out.push_back(
      {.method = "GET",
       .path = "/healthz",
       .access = Access::Anybody(),
       .family = "meta",
       .summary = "`ok` as long as the server answers",
       .raw = [](http::Request&, const control::User&) { return http::Response::Text("ok"); }});
  out.push_back({.method = "GET",
                 .path = "/readyz",
                 .access = Access::Anybody(),
                 .family = "meta",
                 .summary = "`ok` when the server has started, 503 before",
                 .raw = [this](http::Request&, const control::User&) {
                   return ready_ ? http::Response::Text("ok")
                                 : http::ErrorResponse(
                                       Unavailable("joey serve is starting", "try again"));
                 }});
  out.push_back({.method = "GET",
                 .path = "/metrics",
                 .access = Access::Users(),
                 .family = "meta",
                 .summary = "Counters in the text format of Prometheus",
                 .raw = [this](http::Request&, const control::User&) {
                   http::Response response = http::Response::Text(metrics_.Text());
                   response.content_type = "text/plain; version=0.0.4; charset=utf-8";
                   return response;
                 }});
  out.push_back(
      {.method = "GET",
       .path = "/v1/api/version",
       .access = Access::Anybody(),
       .family = "meta",
       .summary = "The version of Joey and of the API",
       .response = {{"version", Type::kText}, {"api", Type::kText}},
       .raw = [this](http::Request&, const control::User&) {
         return http::Response::Json(json{{"version", options_.version}, {"api", "v1"}}.dump());
       }});
  out.push_back({.method = "GET",
                 .path = "/v1/api/openapi.json",
                 .access = Access::Anybody(),
                 .family = "meta",
                 .summary = "This document",
                 .raw = [this](http::Request&, const control::User&) {
                   return http::Response::Json(openapi_);
                 }});
  return out;
}

void Api::AddRoutes(http::Server& server) {
  for (const Endpoint& endpoint : endpoints_) AddRoute(server, endpoint);
}

void Api::AddInternalRoutes(http::Server& server) {
  for (const Endpoint& endpoint : endpoints_) {
    if (endpoint.path.starts_with(kInternalPath)) AddRoute(server, endpoint);
  }
}

void Api::AddRoute(http::Server& server, const Endpoint& endpoint) {
  if (endpoint.handler == nullptr && endpoint.raw == nullptr) return;
  Metrics::Family& family = metrics_.Add(endpoint.family);
  http::RouteOptions route;
  route.body_bytes_max = endpoint.body_bytes_max;
  route.spool_directory = endpoint.spool_directory;
  if (endpoint.access.needs_user()) {
    route.admit = [this](const http::Request& request) {
      return authenticator_.Authenticate(request).status();
    };
  }
  server.Handle(
      endpoint.method, endpoint.path,
      [this, &endpoint, &family](http::Request& request) {
        http::Response response = Handle(endpoint, request);
        family.Count(response.status);
        return response;
      },
      std::move(route));
}

http::Response Api::Handle(const Endpoint& endpoint, http::Request& request) {
  static const auto kNobody = std::make_shared<const control::User>();
  Result<auth::UserPointer> user = kNobody;
  if (endpoint.access.needs_user()) user = authenticator_.Authenticate(request);
  if (!user.ok()) return http::ErrorResponse(user.status());
  return Answer(endpoint, request, **user, access_);
}

}  // namespace joey::api
