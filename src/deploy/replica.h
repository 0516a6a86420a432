// One engine process of a deployment and its states. Internal to deploy.
//
//   kStarting --ready file--> kRunning --replaced or removed--> kDraining --nothing in flight-->
//   kStopping --ended--> kGone
//   kStarting or kRunning --ended or late--> kBackoff --delay over--> kStarting
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cgroup.h"
#include "base/process.h"
#include "deploy/deployer.h"

namespace joey::deploy {

using Clock = std::chrono::steady_clock;

struct ReplicaPlan {
  std::string name;       // "engine-<hex>-<hex>"
  std::string directory;  // its files; made by the replica
  std::string spool_directory;
  std::string program;     // path of joey
  std::string owner_file;  // tells engines whether joey serve still lives
  DeploymentSpec spec;     // with the document before partition and spool directory are filled in
};

// Whether the engine at an address answers.
using HealthCheck = std::function<bool(const HostPort&)>;

// Not thread-safe: the deployer's lock guards it.
class Replica {
 public:
  enum class State { kStarting, kRunning, kDraining, kStopping, kBackoff, kGone };

  // A new replica; the first Advance() starts its process.
  explicit Replica(ReplicaPlan plan);
  // One that an earlier joey serve started and that still runs; null when it does not. One that
  // does not answer is ended. One that was started from another document than `spec` would give
  // runs on as of an older generation.
  static std::unique_ptr<Replica> Adopt(ReplicaPlan plan, std::uint64_t endpoint_id,
                                        const HealthCheck& healthy);
  // Ends the process that an earlier joey serve left there, if it lives.
  static void EndLeft(const ReplicaPlan& plan);
  ~Replica();

  // Looks at the process and moves to the next state if it is time. True when the routable
  // endpoints may have changed.
  bool Advance(Clock::time_point now, std::uint64_t& next_endpoint_id);
  // It takes no more requests and ends when those under way are answered. To be taken out of the
  // route before.
  void Drain(Clock::time_point now);
  // Sends SIGTERM at once.
  void Terminate(Clock::time_point now);
  // SIGKILL and wait.
  void Kill();

  State state() const { return state_; }
  std::int64_t generation() const { return plan_.spec.generation; }
  // Counts as of an older generation from now on.
  void Outdate() { --plan_.spec.generation; }
  const ReplicaPlan& plan() const { return plan_; }
  const std::shared_ptr<Endpoint>& endpoint() const { return endpoint_; }  // when running
  bool has_run() const { return has_run_; }  // was ready at least once
  int failures() const { return failures_; }
  int pidfd() const { return process_ ? process_->pidfd() : -1; }
  // CPU seconds of the engine and its workers since its start; when running.
  double CpuSeconds() const;
  ReplicaStatus Status(Clock::time_point now) const;

 private:
  void Start(Clock::time_point now);
  joey::Status TryStart();
  // A control group with the plan's limits; what it cannot have is noted.
  void MakeGroup();
  bool AdvanceStarting(Clock::time_point now, std::uint64_t& next_endpoint_id);
  void BackOff(Clock::time_point now, std::string reason);
  std::string ReadyFile() const { return plan_.directory + "/ready"; }
  // While the engine waits for something that may take longer than a start; says what it is.
  std::string WaitingFile() const { return ReadyFile() + ".waiting"; }
  std::string FailureText() const;
  void CleanUp();

  ReplicaPlan plan_;
  State state_ = State::kBackoff;
  std::optional<Process> process_;
  std::unique_ptr<Cgroup> cgroup_;
  std::string limits_note_;  // what cannot be limited here
  std::shared_ptr<Endpoint> endpoint_;
  Clock::time_point deadline_;  // what it means depends on the state
  Clock::time_point running_since_;
  bool has_run_ = false;
  int failures_ = 0;  // in a row
  std::string reason_;
  std::string waiting_for_;
};

// Delay before start number `failures` after a failure: 0.2 s doubling to 30 s.
std::chrono::milliseconds BackOffDelay(int failures);

}  // namespace joey::deploy
