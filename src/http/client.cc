#include "http/client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "http/parser.h"

namespace joey::http {

namespace {

constexpr std::size_t kAnswerBytesMax = 16 << 20;

Status Lost(std::string what) { return Unavailable(std::move(what) + ": " + std::strerror(errno)); }

}  // namespace

Status Client::Connect() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address_.host.c_str(), std::to_string(address_.port).c_str(), &hints, &found) !=
      0) {
    return Unavailable("cannot resolve " + address_.ToString());
  }
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Lost("cannot make a socket");
  timeval limit{};
  limit.tv_sec = limit_.count() / 1000;
  limit.tv_usec = limit_.count() % 1000 * 1000;
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), found->ai_addr, found->ai_addrlen) != 0) {
    return Lost("cannot connect to " + address_.ToString());
  }
  socket_ = std::move(fd);
  return {};
}

Status Client::SendAll(const std::vector<std::string_view>& pieces) {
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      ssize_t count = ::send(socket_.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return Lost("cannot send to " + address_.ToString());
      piece.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  return {};
}

Result<ClientResponse> Client::Receive() {
  std::string bytes;
  std::size_t searched = 0;
  char buffer[16384];
  const auto more = [&]() -> Status {
    ssize_t count = 0;
    do {
      count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return Lost("no answer from " + address_.ToString());
    if (count == 0) return Unavailable(address_.ToString() + " closed the connection");
    bytes.append(buffer, static_cast<std::size_t>(count));
    return {};
  };
  std::size_t head_size = 0;
  while ((head_size = FindHeadEnd(bytes, searched)) == 0) {
    if (bytes.size() > kAnswerBytesMax) return Unavailable("the answer's head is too large");
    JOEY_RETURN_IF_ERROR(more());
  }
  const std::string head_text = bytes.substr(0, head_size);
  bytes.erase(0, head_size);
  Head head;
  JOEY_RETURN_IF_ERROR(ParseResponseHead(head_text, head));
  ClientResponse response;
  response.status = head.status;
  if (head.chunked) {
    ChunkDecoder decoder;
    while (!decoder.done()) {
      if (bytes.empty()) JOEY_RETURN_IF_ERROR(more());
      std::string_view rest = bytes;
      while (!rest.empty() && !decoder.done()) {
        JOEY_ASSIGN_OR_RETURN(std::string_view piece, decoder.Next(rest));
        response.body += piece;
      }
      bytes.clear();
      if (response.body.size() > kAnswerBytesMax) return Unavailable("the answer is too large");
    }
  } else {
    std::size_t length = head.content_length.value_or(0);
    if (length > kAnswerBytesMax) return Unavailable("the answer is too large");
    while (bytes.size() < length) JOEY_RETURN_IF_ERROR(more());
    response.body = bytes.substr(0, length);
  }
  if (!head.keep_alive) socket_.Reset();
  return response;
}

Result<ClientResponse> Client::Call(std::string_view method, std::string_view target,
                                    const std::vector<std::pair<std::string, std::string>>& headers,
                                    const std::vector<std::string_view>& body) {
  if (!socket_.valid()) JOEY_RETURN_IF_ERROR(Connect());
  std::size_t length = 0;
  for (std::string_view piece : body) length += piece.size();
  std::string head;
  head.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
  head.append(address_.ToString());
  for (const auto& [name, value] : headers)
    head.append("\r\n").append(name).append(": ").append(value);
  head.append("\r\nContent-Length: ").append(std::to_string(length)).append("\r\n\r\n");
  std::vector<std::string_view> pieces{head};
  pieces.insert(pieces.end(), body.begin(), body.end());
  Status sent = SendAll(pieces);
  Result<ClientResponse> response = sent.ok() ? Receive() : Result<ClientResponse>(sent);
  if (!response.ok()) socket_.Reset();
  return response;
}

}  // namespace joey::http
