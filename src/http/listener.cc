#include "http/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace joey::http {
namespace {

constexpr int kBacklog = 1024;

sockaddr_storage AddressOf(const UniqueFd& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  (void)::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

}  // namespace

Result<UniqueFd> Listen(const HostPort& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) {
    return InvalidArgument("cannot resolve " + address.ToString() + ": " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (fd.valid() && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::bind(fd.get(), found->ai_addr, found->ai_addrlen) == 0 &&
      ::listen(fd.get(), kBacklog) == 0) {
    return fd;
  }
  return Unavailable("cannot listen on " + address.ToString() + ": " + std::strerror(errno),
                     "choose another address with --listen, or port 0 for any free port");
}

std::uint16_t PortOf(const UniqueFd& listener) {
  const sockaddr_storage address = AddressOf(listener);
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

bool IsIpv6(const UniqueFd& listener) { return AddressOf(listener).ss_family == AF_INET6; }

}  // namespace joey::http
