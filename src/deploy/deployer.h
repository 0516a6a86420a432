// What runs engines: the interface between the control plane, the gateway, and the place where
// engines live (local processes; Kubernetes later).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/socket_address.h"
#include "base/status.h"

namespace joey::deploy {

// What should run. `generation` grows with every deploy of one id.
struct DeploymentSpec {
  std::int64_t id = 0;
  std::string deploy_id;  // the name in URLs, "<deploy_id>-<id>"
  std::string pipeline_name;
  std::int64_t generation = 0;
  std::string document;  // JSON for the engine; the deployer adds partition and spool directory
  int replicas = 1;
  double cpus = 0;                // of each replica; 0: all of the machine
  std::int64_t memory_bytes = 0;  // of each replica; 0: no limit
};

// One engine that can be sent requests. Shared between the deployer and the gateway's threads.
struct Endpoint {
  HostPort address;
  std::uint64_t id = 0;           // never reused
  std::atomic<int> in_flight{0};  // requests the gateway has sent and not yet answered
};

using EndpointSet = std::vector<std::shared_ptr<Endpoint>>;

// The routable engines of one deployment. A set is never changed, only replaced.
class Route {
 public:
  std::shared_ptr<const EndpointSet> endpoints() const {
    return endpoints_.load(std::memory_order_acquire);
  }
  void Set(EndpointSet endpoints) {
    endpoints_.store(std::make_shared<const EndpointSet>(std::move(endpoints)),
                     std::memory_order_release);
  }

 private:
  std::atomic<std::shared_ptr<const EndpointSet>> endpoints_{std::make_shared<const EndpointSet>()};
};

enum class Phase { kStarting, kRunning, kError, kStopping };

struct ReplicaStatus {
  std::string name;  // also the partition in logs
  std::string ip;
  Phase phase = Phase::kStarting;
  std::string reason;
  std::vector<std::string> details;
};

struct DeploymentStatus {
  std::string pipeline_name;
  std::string document;  // of the newest generation
  Phase phase = Phase::kStarting;
  std::vector<std::string> details;
  std::vector<ReplicaStatus> replicas;
};

struct MachineResources {
  double cpus = 0;
  std::int64_t memory_bytes = 0;
};

// Thread-safe.
class Deployer {
 public:
  virtual ~Deployer() = default;

  // Starts or replaces a deployment and returns at once; Status() tells how it goes. A running
  // older generation serves until the new one is ready.
  virtual Status Apply(DeploymentSpec spec) = 0;
  // Takes it out of routing, then drains and ends its engines.
  virtual Status Remove(std::int64_t id) = 0;
  // nullopt once every engine of the deployment has ended.
  virtual std::optional<DeploymentStatus> GetStatus(std::int64_t id) const = 0;
  // For the gateway, by "<deploy_id>-<id>"; null for an unknown deployment. Cheap.
  virtual std::shared_ptr<const Route> FindRoute(std::string_view deployment) const = 0;
  virtual MachineResources resources() const = 0;
  // Takes every deployment out of routing and ends its engines, which answer what is running and
  // hand their logs over first. Blocks; afterwards Apply() is refused.
  virtual void Shutdown() = 0;
};

}  // namespace joey::deploy
