// A small blocking HTTP/1.1 client over one kept connection, for background threads.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/socket_address.h"
#include "base/status.h"

namespace joey::http {

struct ClientResponse {
  int status = 0;
  std::string body;
};

// For one thread at a time. Every call connects if there is no connection.
class Client {
 public:
  // `limit` holds for connecting and for each wait for the peer.
  Client(HostPort address, std::chrono::milliseconds limit)
      : address_(std::move(address)), limit_(limit) {}

  const HostPort& address() const { return address_; }

  // kUnavailable: not connected, cut, or too slow; the connection is closed then. Any HTTP status
  // is an answer. The body of an answer may have up to 16 MiB.
  Result<ClientResponse> Call(std::string_view method, std::string_view target,
                              const std::vector<std::pair<std::string, std::string>>& headers,
                              const std::vector<std::string_view>& body);

 private:
  Status Connect();
  Status SendAll(const std::vector<std::string_view>& pieces);
  Result<ClientResponse> Receive();

  HostPort address_;
  std::chrono::milliseconds limit_;
  UniqueFd socket_;
};

}  // namespace joey::http
