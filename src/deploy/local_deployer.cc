#include "deploy/local_deployer.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include "base/files.h"
#include "base/limits.h"
#include "base/machine.h"
#include "base/process.h"
#include "base/random.h"
#include "deploy/replica.h"

namespace joey::deploy {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

// Engines of an earlier joey serve that nobody asks for are ended after this.
constexpr std::chrono::seconds kUnclaimedGrace{20};

std::string Key(const DeploymentSpec& spec) {
  return spec.deploy_id + "-" + std::to_string(spec.id);
}

struct Deployment {
  DeploymentSpec spec;  // of the newest generation
  std::shared_ptr<Route> route = std::make_shared<Route>();
  std::vector<std::unique_ptr<Replica>> replicas;  // of all generations
  bool removed = false;
};

class LocalDeployer final : public Deployer {
 public:
  explicit LocalDeployer(LocalDeployerOptions options)
      : options_(std::move(options)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (options_.program.empty()) {
      std::error_code ignored;
      options_.program = fs::read_symlink("/proc/self/exe", ignored);
    }
    (void)MakeDirectories(options_.run_directory);
    const std::string me = std::to_string(::getpid()) + " " +
                           std::to_string(ProcessStartTicks(::getpid()).value_or(0));
    Status written = WriteFileAtomically(OwnerFile(), me);
    if (!written.ok()) spdlog::error("{}", written.ToString());
    unclaimed_deadline_ = Clock::now() + kUnclaimedGrace;
    supervisor_ = std::thread([this] { Supervise(); });
  }

  ~LocalDeployer() override { Shutdown(); }

  void Shutdown() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      for (auto& [id, deployment] : deployments_) TakeDown(deployment);
    }
    Wake();
    if (supervisor_.joinable()) supervisor_.join();
  }

  Status Apply(DeploymentSpec spec) override {
    std::lock_guard lock(mutex_);
    if (stopping_) return Unavailable("joey serve is stopping");
    Deployment& deployment = deployments_[spec.id];
    deployment.removed = false;
    bool first = deployment.spec.id == 0;
    deployment.spec = std::move(spec);
    // What never served and was replaced has nothing to finish.
    for (auto& replica : deployment.replicas) {
      if (!IsCurrent(deployment, *replica) && !replica->has_run()) replica->Drain(Clock::now());
    }
    {
      std::unique_lock routes(routes_mutex_);
      routes_[Key(deployment.spec)] = deployment.route;
    }
    if (first) AdoptReplicas(deployment);
    int wanted = deployment.spec.replicas;
    for (const auto& replica : deployment.replicas) {
      if (IsCurrent(deployment, *replica)) --wanted;
    }
    for (int i = 0; i < wanted; ++i) {
      deployment.replicas.push_back(std::make_unique<Replica>(NewPlan(deployment.spec)));
    }
    Publish(deployment);
    Wake();
    return {};
  }

  Status Remove(std::int64_t id) override {
    std::lock_guard lock(mutex_);
    auto found = deployments_.find(id);
    if (found == deployments_.end()) return {};
    {
      std::unique_lock routes(routes_mutex_);
      routes_.erase(Key(found->second.spec));
    }
    TakeDown(found->second);
    Wake();
    return {};
  }

  std::optional<DeploymentStatus> GetStatus(std::int64_t id) const override {
    std::lock_guard lock(mutex_);
    auto found = deployments_.find(id);
    if (found == deployments_.end()) return std::nullopt;
    const Deployment& deployment = found->second;
    DeploymentStatus out;
    out.pipeline_name = deployment.spec.pipeline_name;
    out.document = deployment.spec.document;
    int running = 0;
    bool failed = false;
    bool older_serves = false;
    for (const auto& replica : deployment.replicas) {
      bool current = IsCurrent(deployment, *replica);
      if (!current && !deployment.removed && replica->state() != Replica::State::kRunning) continue;
      out.replicas.push_back(replica->Status());
      if (!current) {
        older_serves |= replica->state() == Replica::State::kRunning;
        continue;
      }
      if (replica->state() == Replica::State::kRunning) ++running;
      if (replica->failures() > 0 && replica->state() != Replica::State::kRunning) {
        failed = true;
        const std::string reason = out.replicas.back().reason;
        if (!reason.empty()) out.details.push_back(reason);
      }
    }
    bool enough = running > 0 || deployment.spec.replicas == 0;
    if (deployment.removed) {
      out.phase = Phase::kStopping;
    } else if (enough && AllStartedOnce(deployment)) {
      out.phase = Phase::kRunning;
    } else {
      out.phase = failed ? Phase::kError : Phase::kStarting;
      if (older_serves) out.details.push_back("the previous version goes on serving");
    }
    return out;
  }

  std::shared_ptr<const Route> FindRoute(std::string_view deployment) const override {
    std::shared_lock lock(routes_mutex_);
    auto found = routes_.find(std::string(deployment));
    return found == routes_.end() ? nullptr : found->second;
  }

  MachineResources resources() const override { return {MachineCpus(), MachineMemoryBytes()}; }

 private:
  std::string OwnerFile() const { return options_.run_directory + "/owner"; }
  std::string DeploymentsDirectory() const { return options_.run_directory + "/deployments"; }
  std::string DirectoryOf(std::int64_t id) const {
    return DeploymentsDirectory() + "/" + std::to_string(id);
  }

  static bool IsCurrent(const Deployment& deployment, const Replica& replica) {
    return replica.generation() == deployment.spec.generation &&
           replica.state() != Replica::State::kDraining &&
           replica.state() != Replica::State::kStopping && replica.state() != Replica::State::kGone;
  }

  // All replicas of the newest generation have been ready at least once.
  static bool AllStartedOnce(const Deployment& deployment) {
    return std::all_of(deployment.replicas.begin(), deployment.replicas.end(),
                       [&](const auto& replica) {
                         return !IsCurrent(deployment, *replica) || replica->has_run();
                       });
  }

  ReplicaPlan PlanFor(const DeploymentSpec& spec, std::string name) const {
    ReplicaPlan plan;
    plan.directory = DirectoryOf(spec.id) + "/" + name;
    plan.spool_directory = options_.spool_directory + "/" + std::to_string(spec.id) + "/" + name;
    plan.name = std::move(name);
    plan.program = options_.program;
    plan.owner_file = OwnerFile();
    plan.spec = spec;
    return plan;
  }

  ReplicaPlan NewPlan(const DeploymentSpec& spec) const {
    return PlanFor(spec, "engine-" + RandomHex(5) + "-" + RandomHex(3).substr(0, 5));
  }

  // Takes over what an earlier joey serve left running for this deployment.
  void AdoptReplicas(Deployment& deployment) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(DirectoryOf(deployment.spec.id), error)) {
      ReplicaPlan plan = PlanFor(deployment.spec, entry.path().filename());
      auto adopted = Replica::Adopt(std::move(plan), next_endpoint_id_++);
      if (adopted != nullptr &&
          static_cast<int>(deployment.replicas.size()) < deployment.spec.replicas) {
        spdlog::info("engine {} of {} goes on", adopted->plan().name, Key(deployment.spec));
        deployment.replicas.push_back(std::move(adopted));
        continue;
      }
      if (adopted != nullptr) adopted->Kill();
      adopted.reset();
      Cgroup::Remove(entry.path().filename());
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
      LeaveSpool(PlanFor(deployment.spec, entry.path().filename()).spool_directory);
    }
  }

  static void TakeDown(Deployment& deployment) {
    deployment.removed = true;
    deployment.route->Set({});
    for (auto& replica : deployment.replicas) replica->Drain(Clock::now());
  }

  // The newest generation serves once all of it has been ready; until then the one before it.
  void Publish(Deployment& deployment) {
    if (deployment.removed) return;
    EndpointSet current;
    EndpointSet older;
    for (const auto& replica : deployment.replicas) {
      if (replica->state() != Replica::State::kRunning) continue;
      (IsCurrent(deployment, *replica) ? current : older).push_back(replica->endpoint());
    }
    bool complete = AllStartedOnce(deployment);
    if (complete) {
      for (auto& replica : deployment.replicas) {
        if (!IsCurrent(deployment, *replica)) replica->Drain(Clock::now());
      }
    }
    deployment.route->Set(complete || older.empty() ? std::move(current) : std::move(older));
  }

  void LeaveSpool(const std::string& directory) const {
    if (options_.on_spool_left) options_.on_spool_left(directory);
  }

  void Wake() const {
    std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

  void Supervise() {
    for (;;) {
      std::vector<pollfd> polls{{wake_.get(), POLLIN, 0}};
      bool hurry = false;
      {
        std::lock_guard lock(mutex_);
        AdvanceAll(Clock::now());
        if (stopping_ && deployments_.empty()) return;
        for (const auto& [id, deployment] : deployments_) {
          for (const auto& replica : deployment.replicas) {
            if (replica->state() != Replica::State::kRunning) hurry = true;
            if (replica->pidfd() >= 0) polls.push_back({replica->pidfd(), POLLIN, 0});
          }
        }
      }
      // Ready files and back-offs are looked at by time; ends of processes wake at once. A pidfd
      // may be closed meanwhile by nobody else: replicas change on this thread or under the lock
      // with a wake-up.
      ::poll(polls.data(), polls.size(), hurry ? 10 : 1000);
      std::uint64_t count = 0;
      (void)!::read(wake_.get(), &count, sizeof count);
    }
  }

  void AdvanceAll(Clock::time_point now) {
    for (auto next = deployments_.begin(); next != deployments_.end();) {
      Deployment& deployment = next->second;
      bool changed = false;
      for (auto& replica : deployment.replicas) {
        if (replica->Advance(now, next_endpoint_id_)) changed = true;
      }
      if (changed) Publish(deployment);
      std::erase_if(deployment.replicas, [&](const auto& replica) {
        if (replica->state() != Replica::State::kGone) return false;
        LeaveSpool(replica->plan().spool_directory);
        return true;
      });
      if (deployment.removed && deployment.replicas.empty()) {
        std::error_code ignored;
        fs::remove_all(DirectoryOf(next->first), ignored);
        next = deployments_.erase(next);
      } else {
        ++next;
      }
    }
    if (unclaimed_deadline_ != Clock::time_point() && (stopping_ || now >= unclaimed_deadline_)) {
      unclaimed_deadline_ = {};
      EndUnclaimed();
      if (!stopping_) LeaveUnusedSpools();
    }
  }

  // Engines of deployments that no longer exist.
  void EndUnclaimed() {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(DeploymentsDirectory(), error)) {
      std::int64_t id = std::atoll(entry.path().filename().c_str());
      if (deployments_.count(id) != 0) continue;
      DeploymentSpec nobody;
      nobody.id = id;
      std::error_code inner;
      for (const auto& replica : fs::directory_iterator(entry.path(), inner)) {
        // A spec that fits no fingerprint: a living process is ended.
        auto adopted = Replica::Adopt(PlanFor(nobody, replica.path().filename()), 0);
        if (adopted != nullptr) adopted->Kill();
        adopted.reset();
        Cgroup::Remove(replica.path().filename());
      }
      fs::remove_all(entry.path(), inner);
    }
  }

  void LeaveUnusedSpools() const {
    std::error_code error;
    std::set<std::string> used;
    for (const auto& [id, deployment] : deployments_) {
      for (const auto& replica : deployment.replicas) used.insert(replica->plan().spool_directory);
    }
    for (const auto& deployment : fs::directory_iterator(options_.spool_directory, error)) {
      std::error_code inner;
      for (const auto& spool : fs::directory_iterator(deployment.path(), inner)) {
        if (used.count(spool.path()) == 0) LeaveSpool(spool.path());
      }
    }
  }

  LocalDeployerOptions options_;
  UniqueFd wake_;
  mutable std::mutex mutex_;  // taken before routes_mutex_
  std::map<std::int64_t, Deployment> deployments_;
  std::uint64_t next_endpoint_id_ = 1;
  Clock::time_point unclaimed_deadline_;
  bool stopping_ = false;
  mutable std::shared_mutex routes_mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Route>> routes_;
  std::thread supervisor_;
};

}  // namespace

std::unique_ptr<Deployer> MakeLocalDeployer(LocalDeployerOptions options) {
  return std::make_unique<LocalDeployer>(std::move(options));
}

}  // namespace joey::deploy
