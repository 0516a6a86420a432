// What runs engines: the interface between the control plane, the gateway, and the place where
// engines live (local processes; Kubernetes later).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/socket_address.h"
#include "base/status.h"
#include "deploy/autoscaler.h"

namespace joey::deploy {

// What should run. `generation` grows with every deploy of one id.
struct DeploymentSpec {
  std::int64_t id = 0;
  std::string deploy_id;  // the name in URLs, "<deploy_id>-<id>"
  std::string pipeline_name;
  std::int64_t generation = 0;
  std::string document;  // JSON for the engine; the deployer adds partition and spool directory
  int replicas = 1;      // at the start, where they follow the load
  std::optional<Autoscale> autoscale;
  double cpus = 0;                 // of each replica; 0: all of the machine
  std::int64_t memory_bytes = 0;   // of each replica; 0: no limit
  std::vector<std::string> notes;  // for people who look at its status
};

// One engine that can be sent requests. Shared between the deployer and the gateway's threads.
struct Endpoint {
  HostPort address;
  std::uint64_t id = 0;                    // never reused
  std::atomic<int> in_flight{0};           // requests the gateway has sent and not yet answered
  std::atomic<std::uint64_t> requests{0};  // that ever entered

  // A request is about to be sent; false when the engine takes no more. Whoever entered leaves.
  bool Enter() {
    // The order of these two, and of closing and looking at `in_flight`, lets no request slip in
    // behind the look.
    in_flight.fetch_add(1);
    if (closed_.load()) {
      in_flight.fetch_sub(1);
      return false;
    }
    requests.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  void Leave() { in_flight.fetch_sub(1); }
  // From now on none enters; the engine may end once `in_flight` is 0.
  void Close() { closed_.store(true); }

 private:
  std::atomic<bool> closed_{false};
};

using EndpointSet = std::vector<std::shared_ptr<Endpoint>>;

// The routable engines of one deployment. A set is never changed, only replaced.
class Route {
 public:
  // `on_wanted` may be called from any thread and must not block.
  explicit Route(std::function<void()> on_wanted) : on_wanted_(std::move(on_wanted)) {}

  std::shared_ptr<const EndpointSet> endpoints() const {
    return endpoints_.load(std::memory_order_acquire);
  }

  // Without endpoints: whether one comes when it is wanted, so that a request may wait for it.
  bool may_wait() const { return may_wait_.load(); }
  // A request waits for an endpoint.
  void Want() const {
    if (!wanted_.exchange(true) && on_wanted_) on_wanted_();
  }
  std::atomic<int>& waiting() const { return waiting_; }

  // For the deployer.
  void Set(EndpointSet endpoints) {
    endpoints_.store(std::make_shared<const EndpointSet>(std::move(endpoints)),
                     std::memory_order_release);
  }
  void SetMayWait(bool may_wait) { may_wait_.store(may_wait); }
  bool TakeWanted() { return wanted_.exchange(false); }

 private:
  const std::function<void()> on_wanted_;
  std::atomic<std::shared_ptr<const EndpointSet>> endpoints_{std::make_shared<const EndpointSet>()};
  std::atomic<bool> may_wait_{false};
  mutable std::atomic<bool> wanted_{false};
  mutable std::atomic<int> waiting_{0};
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
