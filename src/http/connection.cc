#include "http/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "base/limits.h"

// GCC 12 compiles `if (!co_await f()) break;` wrongly (the frame of the awaiting coroutine is
// damaged): results of co_await are named before they are tested.

namespace joey::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kFirstBodyBytes = 1 << 20;  // a claimed length is believed up to here

void AppendNumber(std::string& out, std::uint64_t value) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) out.push_back(digits[--count]);
}

Status BodyTooLarge(std::size_t bytes_max) {
  return {Code::kPayloadTooLarge,
          "the request body is larger than " + std::to_string(bytes_max) + " bytes",
          "send fewer rows per request, or Arrow instead of JSON"};
}

Status PeerGone() { return Unavailable("the client closed the connection"); }

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, ConnectionHost& host, ThreadState& thread)
    : socket_(std::move(socket)),
      host_(host),
      thread_(thread),
      in_(std::make_unique_for_overwrite<char[]>(kInBytes)) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

Connection::~Connection() = default;

void Connection::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

awaitable<bool> Connection::Receive() {
  if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
  if (in_end_ == kInBytes && in_begin_ > 0) {
    std::memmove(in_.get(), in_.get() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  auto [error, count] = co_await socket_.async_read_some(
      asio::buffer(in_.get() + in_end_, kInBytes - in_end_), kToken);
  if (error) co_return false;
  in_end_ += count;
  co_return true;
}

awaitable<void> Connection::Run() {
  while (keep_alive_ && socket_.is_open()) {
    idle_ = true;
    ExpireIn(limits::kKeepAliveIdleSecondsMax);
    const bool received_head = co_await ReadHead();
    if (!received_head) break;
    co_await Serve();
    if (!body_complete_) {
      co_await Linger();
      break;
    }
    if (host_.draining()) break;
  }
  Close();
}

// Reads and parses the next head into request_ and head_. False: nothing more to serve.
awaitable<bool> Connection::ReadHead() {
  std::size_t searched = 0;
  std::size_t size = 0;
  while ((size = FindHeadEnd(buffered(), searched)) == 0) {
    if (buffered().size() >= limits::kHeaderBytesMax) {
      co_await Refuse(InvalidArgument("the request head is larger than " +
                                      std::to_string(limits::kHeaderBytesMax) + " bytes"),
                      431);
      body_complete_ = false;
      co_await Linger();
      co_return false;
    }
    if (in_begin_ != in_end_ && idle_) {
      idle_ = false;
      ExpireIn(limits::kHeaderSecondsMax);
    }
    const bool more = co_await Receive();
    if (!more) co_return false;
  }
  idle_ = false;
  deadline_ = 0;
  responded_ = false;
  chunked_response_ = false;
  request_.head.assign(buffered().data(), size);
  in_begin_ += size;
  request_.body = Body();
  request_.body_file.clear();
  request_.path.clear();
  head_ = Head();
  Status parsed = ParseRequestHead(request_.head, head_);
  if (!parsed.ok()) {
    co_await Refuse(parsed);
    co_return false;
  }
  request_.method = head_.method;
  request_.target = head_.target;
  std::swap(request_.headers, head_.headers);
  keep_alive_ = head_.keep_alive;
  body_complete_ = NothingToRead();
  body_left_ = head_.content_length.value_or(0);
  chunks_ = ChunkDecoder();
  co_return true;
}

awaitable<void> Connection::Serve() {
  if (request_.target.size() > limits::kTargetBytesMax) {
    co_await Refuse(InvalidArgument("the request target is longer than " +
                                    std::to_string(limits::kTargetBytesMax) + " bytes"),
                    414);
    co_return;
  }
  Status allowed = host_.CheckOrigin(request_);
  if (!allowed.ok()) {
    co_await Refuse(allowed);
    co_return;
  }
  Result<const Route*> route = host_.router().Match(request_);
  if (!route.ok()) {
    co_await Refuse(route.status(), route.status().code() == Code::kUnimplemented ? 405 : 0);
    co_return;
  }
  co_await Dispatch(**route);
}

awaitable<void> Connection::Dispatch(const Route& route) {
  std::size_t bytes_max = route.options.body_bytes_max != 0 ? route.options.body_bytes_max
                                                            : limits::kControlBodyBytesMax;
  if (head_.content_length.value_or(0) > bytes_max) {
    co_await Refuse(BodyTooLarge(bytes_max));
    co_return;
  }
  if (head_.expect_continue && !body_complete_) {
    static const std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    Status sent = co_await Write(kContinue);
    if (!sent.ok()) co_return;
  }
  if (route.stream_handler) {
    co_await route.stream_handler(*this);
    co_return;
  }
  Status received;
  if (!route.options.spool_directory.empty()) {
    received = co_await SpoolBody(route.options, bytes_max);
  } else if (!body_complete_) {
    received = co_await ReadWholeBody(bytes_max);
  }
  if (!received.ok()) {
    if (!request_.body_file.empty()) ::unlink(request_.body_file.c_str());
    co_await Refuse(received);
    co_return;
  }
  Response response;
  if (route.async_handler) {
    response = co_await route.async_handler(request_);
  } else {
    response = co_await host_.RunOnPool(route, request_);
  }
  if (!request_.body_file.empty()) ::unlink(request_.body_file.c_str());
  co_await Send(response);
}

awaitable<Status> Connection::ReadWholeBody(std::size_t bytes_max) {
  Body& body = request_.body;
  if (head_.content_length) {
    // Straight into the body's own memory, which grows with what really arrives.
    std::size_t length = *head_.content_length;
    std::size_t have = std::min<std::size_t>(buffered().size(), length);
    body.Reserve(std::min(length, std::max(have, kFirstBodyBytes)));
    body.Append(buffered().substr(0, have));
    in_begin_ += have;
    while (body.size() < length) {
      if (body.size() == body.capacity()) body.Reserve(std::min(length, 2 * body.capacity()));
      ExpireIn(limits::kBodyIdleSecondsMax);
      auto [error, count] = co_await socket_.async_read_some(
          asio::buffer(body.tail(), body.capacity() - body.size()), kToken);
      if (error) co_return PeerGone();
      body.Commit(count);
    }
    body_left_ = 0;
    body_complete_ = true;
    deadline_ = 0;
    co_return Status();
  }
  while (!body_complete_) {
    Result<std::string_view> piece = co_await ReadBody();
    if (!piece.ok()) co_return piece.status();
    if (body.size() + piece->size() > bytes_max) co_return BodyTooLarge(bytes_max);
    if (body.size() + piece->size() > body.capacity()) {
      body.Reserve(std::max(body.size() + piece->size(), 2 * body.capacity()));
    }
    body.Append(*piece);
  }
  co_return Status();
}

awaitable<Status> Connection::SpoolBody(const RouteOptions& options, std::size_t bytes_max) {
  std::string path = options.spool_directory + "/upload-XXXXXX";
  int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) {
    co_return Internal("cannot create a file for the request body: " +
                       std::string(std::strerror(errno)));
  }
  request_.body_file = path;
  Status status;
  std::size_t written = 0;
  while (!body_complete_ && status.ok()) {
    Result<std::string_view> piece = co_await ReadBody();
    if (!piece.ok()) {
      status = piece.status();
      break;
    }
    written += piece->size();
    if (written > bytes_max) status = BodyTooLarge(bytes_max);
    std::string_view rest = *piece;
    while (!rest.empty() && status.ok()) {
      ssize_t count = ::write(fd, rest.data(), rest.size());
      if (count < 0 && errno != EINTR) {
        status =
            ResourceExhausted("cannot store the request body: " + std::string(std::strerror(errno)),
                              "free space under --data");
      }
      if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  ::close(fd);
  co_return status;
}

awaitable<Result<std::string_view>> Connection::ReadBody() {
  for (;;) {
    if (body_complete_) {
      deadline_ = 0;
      co_return std::string_view();
    }
    if (head_.chunked) {
      std::string_view rest = buffered();
      std::size_t before = rest.size();
      Result<std::string_view> piece = chunks_.Next(rest);
      in_begin_ += before - rest.size();
      if (!piece.ok()) co_return piece.status();
      if (chunks_.done()) body_complete_ = true;
      if (!piece->empty() || body_complete_) co_return piece;
    } else if (in_begin_ != in_end_) {
      std::size_t take =
          static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, in_end_ - in_begin_));
      std::string_view piece = buffered().substr(0, take);
      in_begin_ += take;
      body_left_ -= take;
      if (body_left_ == 0) body_complete_ = true;
      co_return piece;
    }
    ExpireIn(limits::kBodyIdleSecondsMax);
    const bool more = co_await Receive();
    if (!more) co_return PeerGone();
  }
}

void Connection::FormatHead(const Response& response, std::optional<std::uint64_t> length) {
  if (!body_complete_) keep_alive_ = false;
  out_head_ = "HTTP/1.1 ";
  AppendNumber(out_head_, static_cast<std::uint64_t>(response.status));
  out_head_ += ' ';
  out_head_ += ReasonPhrase(response.status);
  if (!response.content_type.empty()) {
    out_head_ += "\r\nContent-Type: ";
    out_head_ += response.content_type;
    out_head_ += "\r\nX-Content-Type-Options: nosniff";
  }
  for (const auto& [name, value] : response.headers) {
    out_head_ += "\r\n";
    out_head_ += name;
    out_head_ += ": ";
    out_head_ += value;
  }
  if (length) {
    out_head_ += "\r\nContent-Length: ";
    AppendNumber(out_head_, *length);
  } else {
    out_head_ += "\r\nTransfer-Encoding: chunked";
  }
  if (!keep_alive_ || host_.draining()) {
    keep_alive_ = false;
    out_head_ += "\r\nConnection: close";
  }
  out_head_ += "\r\n\r\n";
  responded_ = true;
}

awaitable<Status> Connection::SendVector(std::vector<iovec> pieces) {
  std::size_t next = 0;
  while (next < pieces.size()) {
    msghdr message{};
    message.msg_iov = &pieces[next];
    message.msg_iovlen = std::min<std::size_t>(pieces.size() - next, 512);
    ssize_t count = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        keep_alive_ = false;
        co_return PeerGone();
      }
      ExpireIn(limits::kWriteIdleSecondsMax);
      auto [error] = co_await socket_.async_wait(asio::ip::tcp::socket::wait_write, kToken);
      if (error) {
        keep_alive_ = false;
        co_return PeerGone();
      }
      continue;
    }
    auto sent = static_cast<std::size_t>(count);
    while (next < pieces.size() && sent >= pieces[next].iov_len) sent -= pieces[next++].iov_len;
    if (next < pieces.size()) {
      pieces[next].iov_base = static_cast<char*>(pieces[next].iov_base) + sent;
      pieces[next].iov_len -= sent;
    }
  }
  deadline_ = 0;
  co_return Status();
}

awaitable<Status> Connection::Send(Response& response) {
  FormatHead(response, response.BodySize());
  std::vector<iovec> pieces;
  pieces.reserve(2 + response.parts.size());
  pieces.push_back({out_head_.data(), out_head_.size()});
  if (response.parts.empty()) {
    pieces.push_back({response.body.data(), response.body.size()});
  }
  for (const BodyPart& part : response.parts) {
    pieces.push_back({const_cast<char*>(part.bytes.data()), part.bytes.size()});
  }
  co_return co_await SendVector(std::move(pieces));
}

awaitable<Status> Connection::Respond(Response response) { co_return co_await Send(response); }

awaitable<Status> Connection::WriteHead(const Response& head, std::optional<std::uint64_t> length) {
  chunked_response_ = !length;
  FormatHead(head, length);
  std::vector<iovec> pieces(1, iovec{out_head_.data(), out_head_.size()});
  co_return co_await SendVector(std::move(pieces));
}

awaitable<Status> Connection::Write(std::string_view bytes) {
  if (bytes.empty()) co_return Status();
  char size_line[20];
  std::vector<iovec> pieces;
  if (chunked_response_) {
    int count = std::snprintf(size_line, sizeof size_line, "%zx\r\n", bytes.size());
    pieces.push_back({size_line, static_cast<std::size_t>(count)});
  }
  pieces.push_back({const_cast<char*>(bytes.data()), bytes.size()});
  if (chunked_response_) pieces.push_back({const_cast<char*>("\r\n"), 2});
  co_return co_await SendVector(std::move(pieces));
}

awaitable<Status> Connection::Finish() {
  if (!chunked_response_) co_return Status();
  static const std::string_view kEnd = "0\r\n\r\n";
  std::vector<iovec> pieces(1, iovec{const_cast<char*>(kEnd.data()), kEnd.size()});
  co_return co_await SendVector(std::move(pieces));
}

awaitable<void> Connection::Refuse(const Status& status, int http_status) {
  keep_alive_ = keep_alive_ && body_complete_ && !request_.path.empty();
  Response response = host_.FormatError(status, request_.path);
  if (http_status != 0) response.status = http_status;
  co_await Send(response);
}

// Closing with unread bytes would reset the connection and could destroy the answer on its way.
awaitable<void> Connection::Linger() {
  constexpr std::size_t kLingerBytesMax = 16 << 20;
  boost::system::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  ExpireIn(2);
  std::size_t discarded = 0;
  while (discarded < kLingerBytesMax) {
    in_begin_ = in_end_ = 0;
    const bool more = co_await Receive();
    if (!more) break;
    discarded += in_end_;
  }
}

}  // namespace joey::http
