// An HTTP/1.1 server: some I/O threads, each with its own connections, and a table of routes.
//
// Threads: a connection lives on one I/O thread. A plain handler (`Handler`) runs on a pool of
// worker threads and may block. An async handler is a coroutine on the connection's I/O thread and
// must not block it. A stream handler is one too, and reads the body and writes the answer itself.
// Handlers are called from several threads at once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/socket_address.h"
#include "base/status.h"
#include "http/message.h"
#include "http/tls.h"

namespace joey::http {

using Handler = std::function<Response(Request&)>;
using AsyncHandler = std::function<boost::asio::awaitable<Response>(Request&)>;

// One request whose body is read and whose answer is written piece by piece. Lives as long as the
// handler runs; to be used on the connection's I/O thread only.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual Request& request() = 0;  // without body
  virtual boost::asio::any_io_executor executor() = 0;
  // Number of the I/O thread, from 0.
  virtual int thread_index() const = 0;
  virtual std::optional<std::uint64_t> content_length() const = 0;
  // Next piece of the body, valid until the next call; empty at the end.
  virtual boost::asio::awaitable<Result<std::string_view>> ReadBody() = 0;
  virtual bool body_complete() const = 0;
  // Sends a whole response.
  virtual boost::asio::awaitable<Status> Respond(Response response) = 0;
  // Sends the head of a response whose body follows by Write(): by `length`, or chunked without.
  virtual boost::asio::awaitable<Status> WriteHead(const Response& head,
                                                   std::optional<std::uint64_t> length) = 0;
  virtual boost::asio::awaitable<Status> Write(std::string_view bytes) = 0;
  // Ends a chunked body.
  virtual boost::asio::awaitable<Status> Finish() = 0;
  // Nothing sensible can be sent any more: the connection is closed after the handler.
  virtual void Abort() = 0;
};

using StreamHandler = std::function<boost::asio::awaitable<void>(Exchange&)>;

struct RouteOptions {
  std::size_t body_bytes_max = 0;  // 0: limits::kControlBodyBytesMax
  // Not empty: the body is written to a new file in this directory (Request::body_file), which is
  // deleted when the handler has returned. Only for plain handlers.
  std::string spool_directory;
  // Asked on a worker thread before a body is stored or read that is larger than
  // limits::kInlineBodyBytesMax, so that strangers cannot fill the disk or the memory. The handler
  // has to ask again: small bodies come to it without this.
  std::function<Status(const Request&)> admit;
};

struct ServerOptions {
  HostPort listen{"127.0.0.1", 0};
  int io_threads = 1;
  int worker_threads = 4;
  // Hosts a request's Host header may name besides loopback names and the bound address. Another
  // Host, or an Origin that is not the Host, is refused: a web page of somewhere else must not
  // reach the server through a user's browser.
  std::vector<std::string> allowed_hosts;
  std::shared_ptr<const TlsContext> tls;  // null: plain HTTP
};

class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Routes must be added before Start(). `pattern` is a path whose segments may be {placeholders}:
  // "/v1/api/pipelines/infer/{deployment}/{pipeline}".
  void Handle(std::string_view method, std::string_view pattern, Handler handler,
              RouteOptions options = {});
  void HandleAsync(std::string_view method, std::string_view pattern, AsyncHandler handler,
                   RouteOptions options = {});
  void HandleStream(std::string_view method, std::string_view pattern, StreamHandler handler,
                    RouteOptions options = {});

  // How an error that the server itself finds (unknown path, body over the limit …) is written;
  // default ErrorResponse. Set before Start().
  using ErrorFormatter = std::function<Response(const Status&, std::string_view path)>;
  void SetErrorFormatter(ErrorFormatter formatter);

  // Binds, listens and starts the threads.
  Status Start();
  // The bound address, with the chosen port.
  HostPort address() const;

  // Stops accepting, closes idle connections and waits at most `seconds` until running requests
  // are answered.
  void Drain(int seconds);
  // Drain(0) and joins the threads.
  void Stop();

  // One executor per I/O thread, for clients and timers that should live there.
  std::vector<boost::asio::any_io_executor> executors() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::http
