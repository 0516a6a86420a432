// One HTTP/1.1 socket, from either end: buffered reading of heads and bodies, gathered writing.
#pragma once

#include <sys/uio.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "http/parser.h"
#include "http/tls.h"

namespace joey::http {

// Used on its socket's thread only. `now_seconds` is that thread's coarse clock; whoever owns the
// streams of a thread closes those that have Expired().
class MessageStream {
 public:
  MessageStream(boost::asio::ip::tcp::socket socket, const std::int64_t& now_seconds);

  boost::asio::ip::tcp::socket& socket() { return socket_; }
  // Encrypts from here on, as the server; false when the other side does not agree.
  boost::asio::awaitable<bool> BeginTls(const TlsContext& context);
  void Close();

  // Received and not yet consumed.
  std::string_view buffered() const { return {in_.get() + in_begin_, in_end_ - in_begin_}; }
  void Consume(std::size_t bytes) { in_begin_ += bytes; }
  // Waits for more bytes; false at the end of the stream or on an error.
  boost::asio::awaitable<bool> Receive();

  // After a head: which body follows it.
  void BeginBody(bool chunked, std::uint64_t length);
  bool body_complete() const { return body_complete_; }
  // Next piece of the body, valid until the next call; empty at the end.
  boost::asio::awaitable<Result<std::string_view>> ReadBody();
  // Reads a body with a length straight into its own memory, which grows with what really arrives.
  boost::asio::awaitable<Status> ReadBodyInto(Body& body, std::size_t length);

  // Sends all pieces. `sent`, if given, counts the bytes the kernel took, also on failure.
  boost::asio::awaitable<Status> Send(std::vector<iovec> pieces, std::size_t* sent = nullptr);

  void ExpireIn(int seconds) { deadline_ = now_seconds_ + seconds + 1; }
  void NeverExpire() { deadline_ = 0; }
  bool Expired() const { return deadline_ != 0 && now_seconds_ > deadline_; }

  // What the buffer of received bytes holds: a whole head fits, and most small messages.
  static constexpr std::size_t kInBytes = 64 * 1024;

 private:
  boost::asio::awaitable<bool> SendEncrypted(const std::vector<iovec>& pieces);

  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: in the clear
  const std::int64_t& now_seconds_;
  std::unique_ptr<char[]> in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  bool chunked_ = false;
  std::uint64_t body_left_ = 0;
  bool body_complete_ = true;
  ChunkDecoder chunks_;
  std::int64_t deadline_ = 0;
};

}  // namespace joey::http
