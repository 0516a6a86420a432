// From joey serve's inference URL to an engine and back.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "deploy/deployer.h"
#include "http/server.h"

namespace joey::gateway {

class UpstreamPool;

// Forwards `POST /v1/api/pipelines/infer/{deploy_id}-{pk}/{pipeline}` to the least loaded engine of
// the deployment over kept connections. Bodies stream through in both directions. A request is
// retried on another engine only when not one byte of it was sent; an engine that goes away later
// gives that request a 503.
// Owned by joey serve; must outlive the server's threads and not the deployer.
class Gateway {
 public:
  explicit Gateway(const deploy::Deployer& deployer);
  ~Gateway();

  void AddRoutes(http::Server& server);
  // After AddRoutes() and before Server::Start().
  void Start(const http::Server& server);

 private:
  boost::asio::awaitable<void> Forward(http::Exchange& exchange);

  const deploy::Deployer& deployer_;
  std::vector<std::unique_ptr<UpstreamPool>> pools_;  // one per I/O thread
};

}  // namespace joey::gateway
