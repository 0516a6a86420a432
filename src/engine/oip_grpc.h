// The Open Inference Protocol over gRPC. The gRPC library comes with a plug-in (src/grpc) that is
// loaded only when a deployment asks for it: engines without it pay no memory and no start time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/socket_address.h"
#include "base/status.h"
#include "engine/oip.h"

namespace joey::engine {

// Both sides of the plug-in are built together; this is no stable interface.
struct OipGrpcSettings {
  OipService* service = nullptr;  // must live as long as the server
  std::string host;
  int port = 0;  // 0: any free one
  std::size_t message_bytes_max = 0;
};

class OipGrpcServer {
 public:
  virtual ~OipGrpcServer() = default;  // stops at once
  virtual int port() const = 0;        // the bound one
  // Takes no new calls and waits at most `seconds` for those under way.
  virtual void Drain(int seconds) = 0;
};

// The function that the plug-in exports: null with `error` set when the port cannot be bound.
inline constexpr char kOipGrpcStart[] = "joey_start_oip_grpc";
using OipGrpcStart = OipGrpcServer*(const OipGrpcSettings& settings, std::string* error);

// Loads the plug-in, which stays loaded, and starts the server.
Result<std::unique_ptr<OipGrpcServer>> StartOipGrpc(const OipGrpcSettings& settings);

}  // namespace joey::engine
