// One client connection of the server. Internal to http.
#pragma once

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http/message_stream.h"
#include "http/parser.h"
#include "http/router.h"

namespace joey::http {

// What the connections of one I/O thread share. Touched on that thread only.
struct ThreadState {
  int index = 0;
  std::int64_t now_seconds = 0;  // coarse clock, set by the thread's sweeper
};

// What all connections share. Immutable after Server::Start().
struct ConnectionHost {
  virtual ~ConnectionHost() = default;
  virtual const Router& router() const = 0;
  virtual Status CheckOrigin(const Request& request) const = 0;
  virtual Response FormatError(const Status& status, std::string_view path) const = 0;
  virtual bool draining() const = 0;
  // Runs a plain handler on the worker pool.
  virtual boost::asio::awaitable<Response> RunOnPool(const Route& route, Request& request) = 0;
  // Asks RouteOptions::admit on the worker pool.
  virtual boost::asio::awaitable<Status> Admit(const Route& route, const Request& request) = 0;
};

class Connection final : public Exchange {
 public:
  Connection(boost::asio::ip::tcp::socket socket, ConnectionHost& host, ThreadState& thread);
  ~Connection() override;

  // `tls`: the connection is encrypted; null: it is not.
  boost::asio::awaitable<void> Run(const TlsContext* tls);

  // For the thread's sweeper and for draining.
  bool Expired() const { return stream_.Expired(); }
  bool idle() const { return idle_; }
  void Close() { stream_.Close(); }

  // Exchange
  Request& request() override { return request_; }
  boost::asio::any_io_executor executor() override { return stream_.socket().get_executor(); }
  int thread_index() const override { return thread_.index; }
  std::optional<std::uint64_t> content_length() const override { return head_.content_length; }
  boost::asio::awaitable<Result<std::string_view>> ReadBody() override {
    return stream_.ReadBody();
  }
  bool body_complete() const override { return stream_.body_complete(); }
  boost::asio::awaitable<Status> Respond(Response response) override;
  boost::asio::awaitable<Status> WriteHead(const Response& head,
                                           std::optional<std::uint64_t> length) override;
  boost::asio::awaitable<Status> Write(std::string_view bytes) override;
  boost::asio::awaitable<Status> Finish() override;
  void Abort() override { keep_alive_ = false; }

 private:
  boost::asio::awaitable<bool> ReadHead();
  boost::asio::awaitable<Status> ReadWholeBody(std::size_t bytes_max);
  boost::asio::awaitable<Status> SpoolBody(const RouteOptions& options, std::size_t bytes_max);
  boost::asio::awaitable<void> Serve();  // one request, head already parsed
  boost::asio::awaitable<void> Dispatch(const Route& route);
  boost::asio::awaitable<void> Refuse(const Status& status, int http_status = 0);
  boost::asio::awaitable<Status> Send(Response& response);
  boost::asio::awaitable<Status> SendVector(std::vector<iovec> pieces);
  boost::asio::awaitable<void> Linger();
  void FormatHead(const Response& response, std::optional<std::uint64_t> length);

  MessageStream stream_;
  ConnectionHost& host_;
  ThreadState& thread_;
  Request request_;
  Head head_;
  std::string out_head_;
  bool keep_alive_ = true;
  bool responded_ = false;
  bool chunked_response_ = false;
  bool idle_ = true;
};

}  // namespace joey::http
