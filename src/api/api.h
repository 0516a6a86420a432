// The REST API of joey serve: its table of endpoints, registered at a server.
//
// Owned by joey serve; the services must outlive it, and it must outlive the server.
// Threads: handlers run on the server's worker threads, several at once.
#pragma once

#include <functional>
#include <string>

#include "api/endpoint.h"
#include "api/metrics.h"
#include "api/resources.h"
#include "auth/authenticator.h"
#include "http/server.h"

namespace joey::api {

struct ApiOptions {
  std::string version;          // of joey
  std::string spool_directory;  // for uploads; exists
  std::string log_token;        // with which engines deliver their logs
};

class Api {
 public:
  // `sign_in`: the endpoints through which users get tokens (api/identity.h).
  Api(const Services& services, auth::Authenticator& authenticator, Endpoints sign_in,
      ApiOptions options);

  void AddRoutes(http::Server& server);
  // Only those with which engines of this machine deliver their logs.
  void AddInternalRoutes(http::Server& server);
  // /readyz answers 503 until this.
  void SetReady() { ready_ = true; }

  const Endpoints& endpoints() const { return endpoints_; }

 private:
  Endpoints MetaEndpoints();
  void AddRoute(http::Server& server, const Endpoint& endpoint);
  http::Response Handle(const Endpoint& endpoint, http::Request& request);

  control::AccessControl& access_;
  const ApiOptions options_;
  auth::Authenticator& authenticator_;
  Metrics metrics_;
  std::atomic<bool> ready_ = false;
  Endpoints endpoints_;
  std::string openapi_;
};

}  // namespace joey::api
