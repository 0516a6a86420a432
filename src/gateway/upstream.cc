#include "gateway/upstream.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>

#include "base/limits.h"

namespace joey::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// Nothing to read and not closed. A stale connection must be noticed before a request is sent on
// it: afterwards nobody could tell whether the engine has seen the request.
bool IsQuietAndOpen(Upstream& upstream) {
  char byte = 0;
  ssize_t count = ::recv(upstream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

UpstreamPool::UpstreamPool(asio::any_io_executor executor) : executor_(std::move(executor)) {}
UpstreamPool::~UpstreamPool() = default;

std::unique_ptr<Upstream> UpstreamPool::TakeIdle(const deploy::Endpoint& endpoint) {
  auto found = idle_.find(endpoint.id);
  if (found == idle_.end()) return nullptr;
  auto& connections = found->second.connections;
  while (!connections.empty()) {
    std::unique_ptr<Upstream> upstream = std::move(connections.back());
    connections.pop_back();
    if (IsQuietAndOpen(*upstream)) return upstream;
  }
  return nullptr;
}

asio::awaitable<std::unique_ptr<Upstream>> UpstreamPool::Connect(const deploy::Endpoint& endpoint) {
  boost::system::error_code error;
  auto address = asio::ip::make_address(endpoint.address.host, error);
  if (error) co_return nullptr;
  tcp::socket socket(executor_);
  auto [failed] = co_await socket.async_connect(tcp::endpoint(address, endpoint.address.port),
                                                asio::as_tuple(asio::use_awaitable));
  if (failed) co_return nullptr;
  co_return std::make_unique<Upstream>(std::move(socket), now_seconds_);
}

void UpstreamPool::GiveBack(const std::shared_ptr<deploy::Endpoint>& endpoint,
                            std::unique_ptr<Upstream> upstream) {
  Idle& idle = idle_[endpoint->id];
  idle.endpoint = endpoint;
  if (idle.connections.size() < limits::kGatewayIdleConnectionsMax) {
    idle.connections.push_back(std::move(upstream));
  }
}

asio::awaitable<void> UpstreamPool::RunClock() {
  asio::steady_timer timer(executor_);
  for (;;) {
    now_seconds_ = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                       .count();
    for (Upstream* upstream : busy_) {
      if (upstream->Expired()) upstream->Close();
    }
    std::erase_if(idle_, [](const auto& entry) { return entry.second.endpoint.expired(); });
    timer.expires_after(std::chrono::seconds(1));
    auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
  }
}

}  // namespace joey::gateway
