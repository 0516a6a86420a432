#include "engine/oip_grpc.h"

#include "base/plugin.h"

namespace joey::engine {

Result<std::unique_ptr<OipGrpcServer>> StartOipGrpc(const OipGrpcSettings& settings) {
  JOEY_ASSIGN_OR_RETURN(
      void* symbol,
      OpenPlugin("joey_grpc", kOipGrpcStart,
                 "install joey with its gRPC plug-in and the libraries it needs (Debian: "
                 "libgrpc++1.51), or leave 'grpc' out of the configuration"));
  std::string error;
  auto* start = reinterpret_cast<OipGrpcStart*>(symbol);
  std::unique_ptr<OipGrpcServer> server(start(settings, &error));
  if (server == nullptr) {
    return Unavailable("gRPC cannot listen on " + settings.host + ":" +
                           std::to_string(settings.port) + (error.empty() ? "" : ": " + error),
                       "choose another port, or 0 for any free one");
  }
  return server;
}

}  // namespace joey::engine
