// From joey serve's inference URL to an engine and back.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "control/inference_access.h"
#include "deploy/deployer.h"
#include "http/server.h"

namespace joey::gateway {

class UpstreamPool;

// Forwards `POST /v1/api/pipelines/infer/{deploy_id}-{pk}/{pipeline}` to the least loaded engine of
// the deployment over kept connections, and so the Open Inference Protocol below
// `/v1/api/pipelines/oip/{deploy_id}-{pk}/v2`. Bodies stream through in both directions. A request
// is retried on another engine only when not one byte of it was sent; an engine that goes away
// later gives that request a 503. Owned by joey serve; must outlive the server's threads and not
// the deployer.
class Gateway {
 public:
  Gateway(const deploy::Deployer& deployer, auth::Authenticator& authenticator,
          control::InferenceAccess& access);
  ~Gateway();

  // What AddRoutes() registers; the first path parameter is the deployment's name.
  struct RouteName {
    std::string method;
    std::string path;
  };
  static std::vector<RouteName> Routes();

  void AddRoutes(http::Server& server);
  // After AddRoutes() and before Server::Start().
  void Start(const http::Server& server);
  // Every deployment is known to the deployer: until then one that is not known may still come, and
  // its requests are answered 503 instead of 404.
  void SetReady() { ready_ = true; }

 private:
  boost::asio::awaitable<void> Forward(http::Exchange& exchange);
  // Who asks, when the token was not verified a moment ago.
  boost::asio::awaitable<Result<auth::UserPointer>> Authenticate(const http::Request& request);
  // Whether the user sees the deployment, when that was not looked up a moment ago.
  boost::asio::awaitable<Result<bool>> Sees(const control::User& user,
                                            const std::string& deployment);
  static Status Unknown(const std::string& deployment, bool ready);

  const deploy::Deployer& deployer_;
  auth::Authenticator& authenticator_;
  control::InferenceAccess& access_;
  boost::asio::thread_pool verifiers_{1};  // for tokens and users that are not known yet
  std::atomic<bool> ready_{false};
  std::vector<std::unique_ptr<UpstreamPool>> pools_;  // one per I/O thread
};

}  // namespace joey::gateway
