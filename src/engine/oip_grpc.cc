#include "engine/oip_grpc.h"

#include <dlfcn.h>

#include <filesystem>
#include <system_error>

namespace joey::engine {

namespace {

constexpr char kPlugin[] = "libjoey_grpc.so";

// Beside the program, or in the lib folder of an installation.
Result<std::filesystem::path> FindPlugin() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path folder = program.parent_path();
  for (const auto& path : {folder / kPlugin, folder / "../lib/joey" / kPlugin}) {
    if (std::filesystem::exists(path, error)) return path;
  }
  return Status(Code::kFailedPrecondition,
                std::string("the deployment asks for gRPC, but there is no ") + kPlugin +
                    " beside " + program.string(),
                "install joey with its gRPC plug-in, or leave 'grpc' out of the configuration");
}

}  // namespace

Result<std::unique_ptr<OipGrpcServer>> StartOipGrpc(const OipGrpcSettings& settings) {
  JOEY_ASSIGN_OR_RETURN(std::filesystem::path path, FindPlugin());
  void* plugin = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* symbol = plugin == nullptr ? nullptr : ::dlsym(plugin, kOipGrpcStart);
  if (symbol == nullptr) {
    const char* problem = ::dlerror();
    return FailedPrecondition(
        "the gRPC plug-in cannot be loaded: " + std::string(problem ? problem : path.string()),
        "install the library that is missing (Debian: libgrpc++1.51)");
  }
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
