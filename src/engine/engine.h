// The data-plane server: loads one deployment's models and answers inferences until drained.
#pragma once

#include <memory>
#include <optional>

#include "base/socket_address.h"
#include "base/status.h"
#include "pipeline/deployment_document.h"

namespace joey::engine {

class Engine {
 public:
  // Loads every model of the document (checking its SHA-256), opens the log spool and binds
  // `listen`. The engine answers when this returns.
  static Result<std::unique_ptr<Engine>> Start(DeploymentDocument document, HostPort listen);
  ~Engine();

  HostPort address() const;
  // Where gRPC is answered, if the document asks for it.
  std::optional<HostPort> grpc_address() const;
  // The same for Arrow Flight.
  std::optional<HostPort> flight_address() const;

  // Stops accepting, answers what is running (for at most limits::kDrainSecondsMax) and hands the
  // logs over. To be called once, before destruction.
  void Drain();

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey::engine
