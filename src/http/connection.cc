#include "http/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/limits.h"

// GCC 12 compiles `if (!co_await f()) break;` wrongly (the frame of the awaiting coroutine is
// damaged): results of co_await are named before they are tested.

namespace joey::http {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

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

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, ConnectionHost& host, ThreadState& thread)
    : stream_(std::move(socket), thread.now_seconds), host_(host), thread_(thread) {
  boost::system::error_code error;
  const asio::ip::tcp::endpoint peer = stream_.socket().remote_endpoint(error);
  if (!error) request_.peer = peer.address().to_string();
}

Connection::~Connection() = default;

awaitable<void> Connection::Run(const TlsContext* tls) {
  if (tls != nullptr) {
    stream_.ExpireIn(limits::kHeaderSecondsMax);
    const bool agreed = co_await stream_.BeginTls(*tls);
    if (!agreed) {
      Close();
      co_return;
    }
  }
  while (keep_alive_ && stream_.socket().is_open()) {
    idle_ = true;
    stream_.ExpireIn(limits::kKeepAliveIdleSecondsMax);
    const bool received_head = co_await ReadHead();
    if (!received_head) break;
    co_await Serve();
    if (!stream_.body_complete()) {
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
  while (true) {
    size = FindHeadEnd(stream_.buffered(), searched);
    const std::size_t known = size == 0 ? stream_.buffered().size() : size;
    if (known > limits::kHeaderBytesMax) {
      co_await Refuse(InvalidArgument("the request head is larger than " +
                                      std::to_string(limits::kHeaderBytesMax) + " bytes"),
                      431);
      co_await Linger();
      co_return false;
    }
    if (size != 0) break;
    if (!stream_.buffered().empty() && idle_) {
      idle_ = false;
      stream_.ExpireIn(limits::kHeaderSecondsMax);
    }
    const bool more = co_await stream_.Receive();
    if (!more) co_return false;
  }
  idle_ = false;
  stream_.NeverExpire();
  responded_ = false;
  chunked_response_ = false;
  request_.head.assign(stream_.buffered().data(), size);
  stream_.Consume(size);
  request_.body = Body();
  request_.body_file.clear();
  request_.path.clear();
  head_ = Head();
  Status parsed = ParseRequestHead(request_.head, head_);
  if (!parsed.ok()) {
    co_await Refuse(parsed, parsed.code() == Code::kResourceExhausted ? 431 : 0);
    co_return false;
  }
  request_.method = head_.method;
  request_.target = head_.target;
  std::swap(request_.headers, head_.headers);
  keep_alive_ = head_.keep_alive;
  stream_.BeginBody(head_.chunked, head_.content_length.value_or(0));
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
  if (route.options.admit && !stream_.body_complete() &&
      head_.content_length.value_or(bytes_max) > limits::kInlineBodyBytesMax) {
    Status admitted = co_await host_.Admit(route, request_);
    if (!admitted.ok()) {
      co_await Refuse(admitted);
      co_return;
    }
  }
  if (head_.expect_continue && !stream_.body_complete()) {
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
  } else if (!stream_.body_complete()) {
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
    co_return co_await stream_.ReadBodyInto(body, *head_.content_length);
  }
  while (!stream_.body_complete()) {
    Result<std::string_view> piece = co_await stream_.ReadBody();
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
  while (!stream_.body_complete() && status.ok()) {
    Result<std::string_view> piece = co_await stream_.ReadBody();
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

void Connection::FormatHead(const Response& response, std::optional<std::uint64_t> length) {
  if (!stream_.body_complete()) keep_alive_ = false;
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
  if (response.status == 204) {
    // Has no body and says nothing of its length.
  } else if (length) {
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
  Status sent = co_await stream_.Send(std::move(pieces));
  if (!sent.ok()) keep_alive_ = false;
  co_return sent;
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
  keep_alive_ = keep_alive_ && stream_.body_complete() && !request_.path.empty();
  Response response = host_.FormatError(status, request_.path);
  if (http_status != 0) response.status = http_status;
  co_await Send(response);
}

// Closing with unread bytes would reset the connection and could destroy the answer on its way.
awaitable<void> Connection::Linger() {
  constexpr std::size_t kLingerBytesMax = 16 << 20;
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.ExpireIn(2);
  std::size_t discarded = 0;
  while (discarded < kLingerBytesMax) {
    stream_.Consume(stream_.buffered().size());
    const bool more = co_await stream_.Receive();
    if (!more) break;
    discarded += stream_.buffered().size();
  }
}

}  // namespace joey::http
