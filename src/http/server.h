// An HTTP/1.1 server: some I/O threads, each with its own connections, and a table of routes.
//
// Threads: a connection lives on one I/O thread. A plain handler (`Handler`) runs on a pool of
// worker threads and may block. An inline handler runs on the I/O thread itself and must not block.
// An async handler is a coroutine on the connection's I/O thread.
// Handlers may be called from several threads at once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/socket_address.h"
#include "base/status.h"
#include "http/message.h"

namespace joey::http {

using Handler = std::function<Response(Request&)>;
using AsyncHandler = std::function<boost::asio::awaitable<Response>(Request&)>;

struct RouteOptions {
  std::size_t body_bytes_max = 0;  // 0: limits::kControlBodyBytesMax
};

struct ServerOptions {
  HostPort listen{"127.0.0.1", 0};
  int io_threads = 1;
  int worker_threads = 4;
  // Names accepted in Host besides the addresses of the listening socket; a request with another
  // Host or a foreign Origin is refused (DNS rebinding). Empty list with `any_host`: no check.
  std::vector<std::string> allowed_hosts;
  bool any_host = false;
  std::string server_name = "joey";
};

class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Routes must be added before Start(). `pattern` is a path whose segments may be {placeholders}:
  // "/v1/api/pipelines/infer/{deployment}/{pipeline}". `method` "*" means any.
  void Handle(std::string_view method, std::string_view pattern, Handler handler,
              RouteOptions options = {});
  void HandleAsync(std::string_view method, std::string_view pattern, AsyncHandler handler,
                   RouteOptions options = {});

  // Body of a failed request, by path; default ErrorResponse. Set before Start().
  void SetErrorFormatter(std::function<Response(const Status&, std::string_view path)> formatter);

  // Binds, listens and starts the threads.
  Status Start();
  // The bound address, with the chosen port.
  HostPort address() const;

  // Stops accepting, lets running requests finish for at most `seconds`, closes idle connections.
  void Drain(int seconds);
  // Drain(0) and joins the threads.
  void Stop();

  // All I/O executors, for clients and timers that should live on them.
  std::vector<boost::asio::any_io_executor> executors() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::http
