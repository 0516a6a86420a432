// HOST:PORT as users write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace joey {

struct HostPort {
  std::string host;        // a name, an IPv4 or an IPv6 address without brackets
  std::uint16_t port = 0;  // 0: any free port

  std::string ToString() const;  // "127.0.0.1:8080", "[::1]:8080"
  bool IsLoopback() const;       // 127.0.0.0/8, ::1 or "localhost"
};

// Accepts "HOST:PORT" and "[IPV6]:PORT".
Result<HostPort> ParseHostPort(std::string_view text);

}  // namespace joey
