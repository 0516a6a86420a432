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
#include "base/machine.h"
#include "base/process.h"
#include "deploy/limits.h"
#include "deploy/local_deployment.h"
#include "http/client.h"

namespace joey::deploy {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

// Engines of an earlier joey serve that nobody asks for are ended after this.
constexpr std::chrono::seconds kUnclaimedGrace{20};

bool AnswersHealthz(const HostPort& address) {
  http::Client client(address, limits::kHealthMax);
  const Result<http::ClientResponse> answer = client.Call("GET", "/healthz", {}, {});
  return answer.ok() && answer->status == 200;
}

class LocalDeployer final : public Deployer {
 public:
  explicit LocalDeployer(LocalDeployerOptions options)
      : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    settings_.run_directory = options.run_directory;
    settings_.spool_directory = options.spool_directory;
    settings_.program = options.program;
    settings_.owner_file = options.run_directory + "/owner";
    settings_.pace = options.pace;
    settings_.healthy = options.healthy ? std::move(options.healthy) : AnswersHealthz;
    settings_.on_spool_left = [left = std::move(options.on_spool_left)](std::string directory) {
      if (left) left(std::move(directory));
    };
    settings_.wake = [this] { Wake(); };
    if (settings_.program.empty()) {
      std::error_code ignored;
      settings_.program = fs::read_symlink("/proc/self/exe", ignored);
    }
    (void)MakeDirectories(settings_.run_directory);
    const std::string me = std::to_string(::getpid()) + " " +
                           std::to_string(ProcessStartTicks(::getpid()).value_or(0));
    Status written = WriteFileAtomically(settings_.owner_file, me);
    if (!written.ok()) spdlog::error("{}", written.ToString());
    unclaimed_deadline_ = Clock::now() + kUnclaimedGrace;
    supervisor_ = std::thread([this] { Supervise(); });
  }

  ~LocalDeployer() override { Shutdown(); }

  void Shutdown() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      for (auto& [id, deployment] : deployments_) deployment.TakeDown(Clock::now());
    }
    Wake();
    if (supervisor_.joinable()) supervisor_.join();
  }

  Status Apply(DeploymentSpec spec) override {
    std::lock_guard lock(mutex_);
    if (stopping_) return Unavailable("joey serve is stopping");
    LocalDeployment& deployment =
        deployments_.try_emplace(spec.id, settings_, next_endpoint_id_).first->second;
    const std::string old_key = deployment.Key();
    deployment.Apply(std::move(spec), Clock::now());
    {
      std::unique_lock routes(routes_mutex_);
      if (old_key != deployment.Key()) routes_.erase(old_key);
      routes_[deployment.Key()] = deployment.route();
    }
    Wake();
    return {};
  }

  Status Remove(std::int64_t id) override {
    std::lock_guard lock(mutex_);
    auto found = deployments_.find(id);
    if (found == deployments_.end()) return {};
    {
      std::unique_lock routes(routes_mutex_);
      routes_.erase(found->second.Key());
    }
    found->second.TakeDown(Clock::now());
    Wake();
    return {};
  }

  std::optional<DeploymentStatus> GetStatus(std::int64_t id) const override {
    std::lock_guard lock(mutex_);
    auto found = deployments_.find(id);
    if (found == deployments_.end()) return std::nullopt;
    return found->second.Status(Clock::now());
  }

  std::shared_ptr<const Route> FindRoute(std::string_view deployment) const override {
    std::shared_lock lock(routes_mutex_);
    auto found = routes_.find(std::string(deployment));
    return found == routes_.end() ? nullptr : found->second;
  }

  MachineResources resources() const override { return {MachineCpus(), MachineMemoryBytes()}; }

 private:
  void Wake() const {
    std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

  void Supervise() {
    for (;;) {
      std::vector<pollfd> polls{{wake_.get(), POLLIN, 0}};
      auto pause = milliseconds(1000);
      {
        std::lock_guard lock(mutex_);
        AdvanceAll(Clock::now());
        if (stopping_ && deployments_.empty()) return;
        for (const auto& [id, deployment] : deployments_) {
          if (deployment.follows_load()) pause = std::min(pause, settings_.pace.sample);
          for (const auto& replica : deployment.replicas()) {
            if (replica->state() != Replica::State::kRunning) pause = milliseconds(10);
            if (replica->pidfd() >= 0) polls.push_back({replica->pidfd(), POLLIN, 0});
          }
        }
      }
      // Ready files and back-offs are looked at by time; ends of processes wake at once. A pidfd
      // may be closed meanwhile by nobody else: replicas change on this thread or under the lock
      // with a wake-up.
      ::poll(polls.data(), polls.size(), static_cast<int>(pause.count()));
      std::uint64_t count = 0;
      (void)!::read(wake_.get(), &count, sizeof count);
    }
  }

  void AdvanceAll(Clock::time_point now) {
    for (auto next = deployments_.begin(); next != deployments_.end();) {
      LocalDeployment& deployment = next->second;
      deployment.Advance(now);
      if (deployment.gone()) {
        std::error_code ignored;
        fs::remove_all(settings_.DirectoryOf(next->first), ignored);
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
    for (const auto& entry :
         fs::directory_iterator(settings_.run_directory + "/deployments", error)) {
      std::int64_t id = std::atoll(entry.path().filename().c_str());
      if (deployments_.count(id) != 0) continue;
      DeploymentSpec nobody;
      nobody.id = id;
      std::error_code inner;
      for (const auto& replica : fs::directory_iterator(entry.path(), inner)) {
        Replica::EndLeft(settings_.PlanFor(nobody, replica.path().filename()));
        Cgroup::Remove(replica.path().filename());
      }
      fs::remove_all(entry.path(), inner);
    }
  }

  void LeaveUnusedSpools() const {
    std::error_code error;
    std::set<std::string> used;
    for (const auto& [id, deployment] : deployments_) {
      for (const auto& replica : deployment.replicas())
        used.insert(replica->plan().spool_directory);
    }
    for (const auto& deployment : fs::directory_iterator(settings_.spool_directory, error)) {
      std::error_code inner;
      for (const auto& spool : fs::directory_iterator(deployment.path(), inner)) {
        if (used.count(spool.path()) == 0) settings_.on_spool_left(spool.path());
      }
    }
  }

  LocalSettings settings_;
  UniqueFd wake_;
  mutable std::mutex mutex_;  // taken before routes_mutex_
  std::uint64_t next_endpoint_id_ = 1;
  std::map<std::int64_t, LocalDeployment> deployments_;
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
