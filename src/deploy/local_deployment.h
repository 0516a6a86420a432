// One deployment on this machine: its replicas of all generations, its route, and how many replicas
// it should have. Internal to deploy; the deployer's lock guards it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "deploy/autoscaler.h"
#include "deploy/deployer.h"
#include "deploy/replica.h"

namespace joey::deploy {

// The same for all deployments of a deployer.
struct LocalSettings {
  std::string run_directory;
  std::string spool_directory;
  std::string program;
  std::string owner_file;
  AutoscalePace pace;
  HealthCheck healthy;
  std::function<void(std::string)> on_spool_left;
  std::function<void()> wake;  // the supervisor looks at the deployments soon

  ReplicaPlan PlanFor(const DeploymentSpec& spec, std::string name) const;
  std::string DirectoryOf(std::int64_t id) const;
};

class LocalDeployment {
 public:
  LocalDeployment(const LocalSettings& settings, std::uint64_t& next_endpoint_id)
      : settings_(settings),
        next_endpoint_id_(next_endpoint_id),
        route_(std::make_shared<Route>(settings.wake)) {}

  // A newer generation, or the first one this process knows of: then what an earlier joey serve
  // left running is taken over.
  void Apply(DeploymentSpec spec, Clock::time_point now);
  // Takes it out of routing; its engines drain.
  void TakeDown(Clock::time_point now);
  // Moves everything on that it is time for.
  void Advance(Clock::time_point now);
  // Taken down, and every engine has ended.
  bool gone() const { return removed_ && replicas_.empty(); }

  DeploymentStatus Status(Clock::time_point now) const;
  const DeploymentSpec& spec() const { return spec_; }
  std::string Key() const { return spec_.deploy_id + "-" + std::to_string(spec_.id); }
  const std::shared_ptr<Route>& route() const { return route_; }
  const std::vector<std::unique_ptr<Replica>>& replicas() const { return replicas_; }
  bool follows_load() const { return autoscaler_ != nullptr; }

 private:
  bool IsCurrent(const Replica& replica) const;
  int Current() const;
  int Running() const;  // of the newest generation
  void Adopt();
  // Makes the number of replicas of the newest generation `target_`.
  void Resize(Clock::time_point now);
  // The newest generation serves once all of it has been ready; until then the one before it.
  void Publish(Clock::time_point now);
  // `wakes`: where there is no endpoint, one comes when a request wants it.
  void SetRoute(EndpointSet endpoints, bool wakes);
  void FollowLoad(Clock::time_point now);
  std::string LoadText() const;

  const LocalSettings& settings_;
  std::uint64_t& next_endpoint_id_;
  const std::shared_ptr<Route> route_;
  DeploymentSpec spec_;  // of the newest generation
  std::vector<std::unique_ptr<Replica>> replicas_;
  bool removed_ = false;
  bool complete_ = false;  // all of the newest generation has been ready once: it serves
  int target_ = 0;         // replicas of the newest generation that there should be

  std::unique_ptr<Autoscaler> autoscaler_;  // null where their number is fixed
  Clock::time_point sampled_at_;
  struct Sample {  // of one engine, by its endpoint
    std::uint64_t endpoint_id;
    double cpu_seconds;
    std::uint64_t requests;
  };
  std::vector<Sample> samples_;
  std::optional<double> cpu_use_;  // mean of the engines, as a share of what each may use
};

}  // namespace joey::deploy
