#include "http/server.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "base/limits.h"
#include "http/connection.h"
#include "http/offload.h"

namespace joey::http {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;

namespace {

std::int64_t SteadySeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string_view WithoutPort(std::string_view host) {
  if (!host.empty() && host.front() == '[') return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.rfind(':'));
}

}  // namespace

struct Server::Impl final : ConnectionHost {
  struct IoThread {
    asio::io_context context{1};
    asio::steady_timer sweeper{context};
    ThreadState state;
    std::unordered_set<Connection*> connections;  // on this thread only
    std::thread thread;
  };

  explicit Impl(ServerOptions given) : options(std::move(given)) {}

  const Router& router() const override { return routes; }
  bool draining() const override { return is_draining.load(std::memory_order_relaxed); }

  Response FormatError(const Status& status, std::string_view path) const override {
    return formatter ? formatter(status, path) : ErrorResponse(status);
  }

  Status CheckOrigin(const Request& request) const override {
    std::string_view host = request.Header("host");
    std::string_view name = WithoutPort(host);
    bool known = HostPort{std::string(name), 0}.IsLoopback() || name == options.listen.host;
    for (const std::string& allowed : options.allowed_hosts) known = known || name == allowed;
    if (!known) {
      return Status(Code::kPermissionDenied,
                    "this server does not answer for the host '" + std::string(name) + "'",
                    "use the address that joey printed at its start");
    }
    std::string_view origin = request.Header("origin");
    if (!origin.empty()) {
      std::size_t scheme = origin.find("://");
      if (scheme == std::string_view::npos || origin.substr(scheme + 3) != host) {
        return Status(Code::kPermissionDenied,
                      "requests from web pages of other origins are refused");
      }
    }
    return {};
  }

  awaitable<Response> RunOnPool(const Route& route, Request& request) override {
    return Offload(*pool, [this, &route, &request] { return Call(route, request); });
  }

  awaitable<Status> Admit(const Route& route, const Request& request) override {
    return Offload(*pool, [&route, &request] { return route.options.admit(request); });
  }

  // Handlers do not throw by rule; a library below one may all the same.
  Response Call(const Route& route, Request& request) const {
    try {
      return route.handler(request);
    } catch (const std::exception& error) {
      spdlog::error("handler of {} {} threw: {}", request.method, request.path, error.what());
      return FormatError(Internal("internal error"), request.path);
    }
  }

  awaitable<void> AcceptLoop() {
    std::size_t next = 0;
    while (acceptor->is_open()) {
      IoThread& thread = *threads[next++ % threads.size()];
      auto [error, socket] =
          co_await acceptor->async_accept(thread.context, asio::as_tuple(asio::use_awaitable));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors: wait for some to be given back
        asio::steady_timer pause(acceptor->get_executor(), std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        continue;
      }
      if (connection_count.load() >= limits::kConnectionsMax) continue;  // closes it
      asio::co_spawn(thread.context, ServeConnection(thread, std::move(socket)), asio::detached);
    }
  }

  awaitable<void> ServeConnection(IoThread& thread, tcp::socket socket) {
    Connection connection(std::move(socket), *this, thread.state);
    thread.connections.insert(&connection);
    connection_count.fetch_add(1);
    try {
      co_await connection.Run(options.tls.get());
    } catch (const std::exception& error) {
      spdlog::error("connection ended by an exception: {}", error.what());
    }
    thread.connections.erase(&connection);
    connection_count.fetch_sub(1);
    std::lock_guard lock(drain_mutex);
    drained.notify_all();
  }

  awaitable<void> Sweep(IoThread& thread) {
    for (;;) {
      thread.state.now_seconds = SteadySeconds();
      for (Connection* connection : thread.connections) {
        if (connection->Expired() || (draining() && connection->idle())) connection->Close();
      }
      thread.sweeper.expires_after(draining() ? std::chrono::milliseconds(20)
                                              : std::chrono::milliseconds(1000));
      auto [error] = co_await thread.sweeper.async_wait(asio::as_tuple(asio::use_awaitable));
      if (stopping.load()) co_return;
      (void)error;  // cancelled by Drain(): sweep at once
    }
  }

  Status Bind() {
    boost::system::error_code error;
    asio::io_context& context = threads[0]->context;
    tcp::resolver resolver(context);
    auto found = resolver.resolve(options.listen.host, std::to_string(options.listen.port),
                                  tcp::resolver::passive, error);
    if (error || found.empty()) {
      return InvalidArgument("cannot resolve " + options.listen.ToString() + ": " +
                             error.message());
    }
    tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor.emplace(context);
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(1024, error);
    if (error) {
      return Unavailable("cannot listen on " + options.listen.ToString() + ": " + error.message(),
                         "choose another address with --listen, or port 0 for any free port");
    }
    options.listen.port = acceptor->local_endpoint().port();
    return {};
  }

  ServerOptions options;
  Router routes;
  ErrorFormatter formatter;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::thread_pool> pool;
  std::atomic<bool> is_draining = false;
  std::atomic<bool> stopping = false;
  std::atomic<int> connection_count = 0;
  std::mutex drain_mutex;
  std::condition_variable drained;
};

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  for (int i = 0; i < std::max(1, impl_->options.io_threads); ++i) {
    impl_->threads.push_back(std::make_unique<Impl::IoThread>());
    impl_->threads.back()->state.index = i;
  }
}

Server::~Server() { Stop(); }

void Server::Handle(std::string_view method, std::string_view pattern, Handler handler,
                    RouteOptions options) {
  Route route;
  route.handler = std::move(handler);
  route.options = std::move(options);
  impl_->routes.Add(method, pattern, std::move(route));
}

void Server::HandleAsync(std::string_view method, std::string_view pattern, AsyncHandler handler,
                         RouteOptions options) {
  Route route;
  route.async_handler = std::move(handler);
  route.options = std::move(options);
  impl_->routes.Add(method, pattern, std::move(route));
}

void Server::HandleStream(std::string_view method, std::string_view pattern, StreamHandler handler,
                          RouteOptions options) {
  Route route;
  route.stream_handler = std::move(handler);
  route.options = std::move(options);
  impl_->routes.Add(method, pattern, std::move(route));
}

void Server::SetErrorFormatter(ErrorFormatter formatter) {
  impl_->formatter = std::move(formatter);
}

Status Server::Start() {
  JOEY_RETURN_IF_ERROR(impl_->Bind());
  impl_->pool.emplace(static_cast<std::size_t>(std::max(1, impl_->options.worker_threads)));
  asio::co_spawn(impl_->threads[0]->context, impl_->AcceptLoop(), asio::detached);
  for (auto& thread : impl_->threads) {
    impl_->guards.emplace_back(thread->context.get_executor());
    thread->state.now_seconds = SteadySeconds();
    asio::co_spawn(thread->context, impl_->Sweep(*thread), asio::detached);
    thread->thread = std::thread([&context = thread->context] { context.run(); });
  }
  return {};
}

HostPort Server::address() const { return impl_->options.listen; }

void Server::Drain(int seconds) {
  if (impl_->guards.empty() || impl_->is_draining.exchange(true)) return;
  asio::post(impl_->threads[0]->context, [impl = impl_.get()] {
    boost::system::error_code ignored;
    impl->acceptor->close(ignored);
  });
  for (auto& thread : impl_->threads) {
    asio::post(thread->context, [&sweeper = thread->sweeper] { sweeper.cancel(); });
  }
  std::unique_lock lock(impl_->drain_mutex);
  impl_->drained.wait_for(lock, std::chrono::seconds(seconds),
                          [&] { return impl_->connection_count.load() == 0; });
}

void Server::Stop() {
  if (impl_->guards.empty()) return;
  Drain(0);
  impl_->stopping = true;
  impl_->pool->join();
  impl_->guards.clear();
  for (auto& thread : impl_->threads) thread->context.stop();
  for (auto& thread : impl_->threads) thread->thread.join();
}

std::vector<asio::any_io_executor> Server::executors() const {
  std::vector<asio::any_io_executor> out;
  for (auto& thread : impl_->threads) out.emplace_back(thread->context.get_executor());
  return out;
}

}  // namespace joey::http
