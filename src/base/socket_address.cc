#include "base/socket_address.h"

#include <arpa/inet.h>

#include <charconv>

namespace joey {

std::string HostPort::ToString() const {
  bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool HostPort::IsLoopback() const {
  // Only real addresses: "127.0.0.1.example" is a name that may lead anywhere.
  in_addr address;
  return host == "localhost" || host == "::1" ||
         (host.rfind("127.", 0) == 0 && ::inet_pton(AF_INET, host.c_str(), &address) == 1);
}

Result<HostPort> ParseHostPort(std::string_view text) {
  const auto bad = [&] {
    return InvalidArgument("'" + std::string(text) + "' is not HOST:PORT",
                           "write for example 127.0.0.1:8080, or port 0 for any free port");
  };
  HostPort out;
  std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad();
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[') {
    if (host.back() != ']') return bad();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  std::string_view port = text.substr(colon + 1);
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || port.empty()) return bad();
  out.host = host;
  return out;
}

}  // namespace joey
