// The gateway's connections to engines. Each I/O thread has its own pool.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "deploy/deployer.h"
#include "http/message_stream.h"

namespace joey::gateway {

using Upstream = http::MessageStream;

// On one I/O thread only.
class UpstreamPool {
 public:
  explicit UpstreamPool(boost::asio::any_io_executor executor);
  ~UpstreamPool();

  // An idle connection that is still open, or null.
  std::unique_ptr<Upstream> TakeIdle(const deploy::Endpoint& endpoint);
  // A new connection; null when the engine does not accept one.
  boost::asio::awaitable<std::unique_ptr<Upstream>> Connect(const deploy::Endpoint& endpoint);
  // Keeps a connection whose last response was read to its end.
  void GiveBack(const std::shared_ptr<deploy::Endpoint>& endpoint,
                std::unique_ptr<Upstream> upstream);

  // A connection in use is closed by the pool's clock when its stream has Expired().
  void Watch(Upstream& upstream) { busy_.insert(&upstream); }
  void Unwatch(Upstream& upstream) { busy_.erase(&upstream); }

  // Once a second on the pool's thread, until Stop().
  boost::asio::awaitable<void> RunClock();

 private:
  struct Idle {
    std::weak_ptr<deploy::Endpoint> endpoint;
    std::vector<std::unique_ptr<Upstream>> connections;
  };

  boost::asio::any_io_executor executor_;
  std::int64_t now_seconds_ = 0;
  std::unordered_map<std::uint64_t, Idle> idle_;
  std::unordered_set<Upstream*> busy_;
};

}  // namespace joey::gateway
