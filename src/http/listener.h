// A listening socket, which may be handed from one server to the next without being closed.
#pragma once

#include <cstdint>

#include "base/files.h"
#include "base/socket_address.h"
#include "base/status.h"

namespace joey::http {

// Listens on the address; port 0 takes any free one.
Result<UniqueFd> Listen(const HostPort& address);

// The port it is bound to.
std::uint16_t PortOf(const UniqueFd& listener);

bool IsIpv6(const UniqueFd& listener);

}  // namespace joey::http
