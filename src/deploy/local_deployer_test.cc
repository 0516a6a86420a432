// Engines here are a shell script: what it does is told by the deployment's document.
#include "deploy/local_deployer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "base/files.h"
#include "base/process.h"
#include "deploy/replica.h"

namespace joey::deploy {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

// `joey engine --deployment FILE --listen … --ready-file FILE`
constexpr const char* kEngine = R"(#!/bin/sh
document=$3; ready=$7
if grep -q '"behave":"refuse"' $document; then
  echo '{"error": "invalid_argument", "message": "no such model", "hint": "upload it"}' > $ready.error
  exit 3
fi
if grep -q '"behave":"crash"' $document; then exit 1; fi
if grep -q '"behave":"hang"' $document; then exec sleep 1000; fi
printf 127.0.0.1:$(($$ % 60000 + 1)) > $ready.new && mv $ready.new $ready
exec sleep 1000
)";

[[nodiscard]] testing::AssertionResult Comes(const std::function<bool()>& condition) {
  const Clock::time_point deadline = Clock::now() + seconds(20);
  while (!condition()) {
    if (Clock::now() > deadline) return testing::AssertionFailure() << "within a minute";
    std::this_thread::sleep_for(milliseconds(2));
  }
  return testing::AssertionSuccess();
}

class DeployerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "joey-deploy-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::ofstream(Program()) << kEngine;
    ::chmod(Program().c_str(), 0700);
  }
  void TearDown() override {
    EXPECT_EQ(Engines(), std::set<pid_t>());
    fs::remove_all(directory_);
  }

  std::string Program() const { return directory_ + "/engine"; }
  std::string Run() const { return directory_ + "/run"; }

  LocalDeployerOptions Options() const {
    LocalDeployerOptions options;
    options.run_directory = Run();
    options.spool_directory = directory_ + "/spool";
    options.program = Program();
    options.healthy = [](const HostPort&) { return true; };  // the script answers nothing
    return options;
  }

  static DeploymentSpec Spec(std::int64_t generation, const std::string& behave = "serve",
                             int replicas = 1) {
    DeploymentSpec spec;
    spec.id = 7;
    spec.deploy_id = "d";
    spec.pipeline_name = "p";
    spec.generation = generation;
    spec.document = R"({"behave":")" + behave + R"(","logs":{}})";
    spec.replicas = replicas;
    return spec;
  }

  // The living processes that the state files name.
  std::set<pid_t> Engines() {
    std::set<pid_t> out;
    std::error_code error;
    for (fs::recursive_directory_iterator next(Run(), error), end; next != end;
         next.increment(error)) {
      if (error || next->path().filename() != "process") continue;
      Result<std::string> text = ReadFile(next->path(), 4096);
      if (!text.ok()) continue;
      pid_t pid = 0;
      std::uint64_t ticks = 0;
      std::istringstream(*text) >> pid >> ticks;
      by_port_[pid % 60000 + 1] = pid;
      if (ProcessStartTicks(pid) == ticks) out.insert(pid);
    }
    return out;
  }

  static bool Is(const Deployer& deployer, Phase phase) {
    auto status = deployer.GetStatus(7);
    return status && status->phase == phase;
  }
  // The script tells its process by its port.
  pid_t ProcessOf(const Endpoint& endpoint) {
    (void)Engines();
    return by_port_[endpoint.address.port];
  }
  std::set<pid_t> Routed(const Deployer& deployer) {
    std::set<pid_t> out;
    auto route = deployer.FindRoute("d-7");
    if (route == nullptr) return out;
    for (const auto& endpoint : *route->endpoints()) out.insert(ProcessOf(*endpoint));
    return out;
  }

  std::string directory_;
  std::map<int, pid_t> by_port_;
};

TEST(BackOff, DoublesUpToHalfAMinute) {
  std::vector<std::int64_t> delays;
  for (int failures = 1; failures <= 10; ++failures) {
    delays.push_back(BackOffDelay(failures).count());
  }
  EXPECT_EQ(delays, (std::vector<std::int64_t>{200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000,
                                               30000}));
}

TEST_F(DeployerTest, ACrashingEngineIsStartedAgainAfterTheBackOffOnly) {
  ReplicaPlan plan;
  plan.name = "engine-0123456789-abcd1";
  plan.directory = Run() + "/" + plan.name;
  plan.spool_directory = directory_ + "/spool";
  plan.program = Program();
  plan.spec = Spec(1, "crash");
  Replica replica(plan);
  std::uint64_t id = 1;
  Clock::time_point now;  // a clock of the test's own
  for (int failures = 1; failures <= 9; ++failures) {
    replica.Advance(now, id);
    ASSERT_EQ(replica.state(), Replica::State::kStarting);
    ASSERT_TRUE(Comes([&] {
      return (replica.Advance(now, id), replica.state()) != Replica::State::kStarting;
    })) << "the end of the process";
    ASSERT_EQ(replica.state(), Replica::State::kBackoff);
    EXPECT_EQ(replica.failures(), failures);
    EXPECT_EQ(replica.Status(now).reason, "the engine's process ended: exit status 1");
    now += BackOffDelay(failures) - milliseconds(1);
    replica.Advance(now, id);
    ASSERT_EQ(replica.state(), Replica::State::kBackoff);
    now += milliseconds(1);
  }
  replica.Drain(now);
  EXPECT_EQ(replica.state(), Replica::State::kGone);
}

TEST_F(DeployerTest, AMinuteOfServiceForgetsEarlierFailures) {
  ReplicaPlan plan;
  plan.name = "engine-0123456789-abcd2";
  plan.directory = Run() + "/" + plan.name;
  plan.spool_directory = directory_ + "/spool";
  plan.program = Program();
  plan.spec = Spec(1);
  Replica replica(plan);
  std::uint64_t id = 1;
  Clock::time_point now;
  const auto serve_and_die = [&](Clock::duration after) {
    ASSERT_TRUE(Comes([&] {
      return (replica.Advance(now, id), replica.state()) == Replica::State::kRunning;
    })) << "a running engine";
    now += after;
    ASSERT_EQ(::kill(ProcessOf(*replica.endpoint()), SIGKILL), 0);
    ASSERT_TRUE(Comes([&] {
      return (replica.Advance(now, id), replica.state()) == Replica::State::kBackoff;
    })) << "the back-off";
    now += seconds(30);
  };
  serve_and_die(seconds(1));
  serve_and_die(seconds(1));
  EXPECT_EQ(replica.failures(), 2);
  serve_and_die(seconds(61));
  EXPECT_EQ(replica.failures(), 1);
  EXPECT_EQ(id, 4u);  // every start has an endpoint of its own
  replica.Drain(now);
}

TEST_F(DeployerTest, AnEngineThatHangsIsEndedAfterTheTimeLimit) {
  ReplicaPlan plan;
  plan.name = "engine-0123456789-abcd3";
  plan.directory = Run() + "/" + plan.name;
  plan.spool_directory = directory_ + "/spool";
  plan.program = Program();
  plan.spec = Spec(1, "hang");
  Replica replica(plan);
  std::uint64_t id = 1;
  Clock::time_point now;
  replica.Advance(now, id);
  replica.Advance(now, id);
  ASSERT_EQ(replica.state(), Replica::State::kStarting);
  replica.Advance(now + std::chrono::hours(1), id);
  EXPECT_EQ(replica.state(), Replica::State::kBackoff);
  EXPECT_NE(replica.Status(now).reason.find("not ready within"), std::string::npos);
  EXPECT_EQ(Engines(), std::set<pid_t>());
  replica.Drain(now);
}

TEST_F(DeployerTest, RunsReplicasAndEndsThem) {
  auto deployer = MakeLocalDeployer(Options());
  EXPECT_EQ(deployer->FindRoute("d-7"), nullptr);
  EXPECT_FALSE(deployer->GetStatus(7).has_value());
  ASSERT_TRUE(deployer->Apply(Spec(1, "serve", 2)).ok());
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 2; })) << "two engines";
  auto status = deployer->GetStatus(7);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->phase, Phase::kRunning);
  EXPECT_EQ(status->replicas.size(), 2u);
  EXPECT_NE(status->replicas[0].name, status->replicas[1].name);
  EXPECT_EQ(Routed(*deployer), Engines());
  ASSERT_TRUE(deployer->Remove(7).ok());
  EXPECT_EQ(deployer->FindRoute("d-7"), nullptr);
  ASSERT_TRUE(Comes([&] { return !deployer->GetStatus(7); })) << "the end";
  EXPECT_EQ(Engines(), std::set<pid_t>());
  EXPECT_TRUE(deployer->Remove(7).ok());
}

TEST_F(DeployerTest, SaysWhatTheEngineSaidOfItsFailure) {
  auto deployer = MakeLocalDeployer(Options());
  ASSERT_TRUE(deployer->Apply(Spec(1, "refuse")).ok());
  ASSERT_TRUE(Comes([&] { return Is(*deployer, Phase::kError); })) << "the error";
  auto status = deployer->GetStatus(7);
  ASSERT_EQ(status->details.size(), 1u);
  EXPECT_EQ(status->details[0], "no such model (upload it)");
}

TEST_F(DeployerTest, AKilledEngineLeavesTheRouteAndComesBack) {
  auto deployer = MakeLocalDeployer(Options());
  ASSERT_TRUE(deployer->Apply(Spec(1)).ok());
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "an engine";
  const std::set<pid_t> before = Routed(*deployer);
  ASSERT_EQ(::kill(*before.begin(), SIGKILL), 0);
  ASSERT_TRUE(Comes([&] { return Routed(*deployer) != before; })) << "the route without it";
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "its successor";
  EXPECT_TRUE(Is(*deployer, Phase::kRunning));
}

TEST_F(DeployerTest, TheOlderGenerationServesUntilTheNewOneIsReady) {
  auto deployer = MakeLocalDeployer(Options());
  ASSERT_TRUE(deployer->Apply(Spec(1)).ok());
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "an engine";
  const std::set<pid_t> old = Routed(*deployer);

  ASSERT_TRUE(deployer->Apply(Spec(2, "refuse")).ok());
  ASSERT_TRUE(Comes([&] { return Is(*deployer, Phase::kError); })) << "the error";
  EXPECT_EQ(Routed(*deployer), old);
  auto status = deployer->GetStatus(7);
  EXPECT_EQ(status->details.back(), "the previous version goes on serving");

  // A request that the old engine still answers keeps it alive.
  auto endpoint = deployer->FindRoute("d-7")->endpoints()->front();
  endpoint->in_flight = 1;
  ASSERT_TRUE(deployer->Apply(Spec(3, "serve", 2)).ok());
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 2; })) << "the new engines";
  EXPECT_EQ(Routed(*deployer).count(*old.begin()), 0u);
  EXPECT_EQ(Engines().count(*old.begin()), 1u);
  endpoint->in_flight = 0;
  ASSERT_TRUE(Comes([&] { return Engines() == Routed(*deployer); })) << "the end of the old engine";
}

// Starts engines from a process that is killed then, as joey serve may be.
void DeployAndDie(const LocalDeployerOptions& options, const DeploymentSpec& spec) {
  pid_t pid = ::fork();
  if (pid == 0) {
    auto deployer = MakeLocalDeployer(options);
    (void)deployer->Apply(spec);
    while (true) {
      auto status = deployer->GetStatus(spec.id);
      if (status && status->phase == Phase::kRunning) ::raise(SIGKILL);
      std::this_thread::sleep_for(milliseconds(2));
    }
  }
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_F(DeployerTest, TakesOverTheEnginesOfAKilledServer) {
  DeployAndDie(Options(), Spec(1, "serve", 2));
  const std::set<pid_t> running = Engines();
  ASSERT_EQ(running.size(), 2u);
  auto deployer = MakeLocalDeployer(Options());
  ASSERT_TRUE(deployer->Apply(Spec(1, "serve", 2)).ok());
  // At once: nothing is started.
  EXPECT_EQ(Routed(*deployer), running);
  EXPECT_TRUE(Is(*deployer, Phase::kRunning));
  // They are watched like children.
  ASSERT_EQ(::kill(*running.begin(), SIGKILL), 0);
  ASSERT_TRUE(Comes([&] { return Routed(*deployer) != running && Routed(*deployer).size() == 2; }))
      << "the successor of the killed one";
}

TEST_F(DeployerTest, EnginesThatServeSomethingElseGoOnUntilTheyAreReplaced) {
  DeployAndDie(Options(), Spec(1, "serve", 2));
  const std::set<pid_t> running = Engines();
  std::vector<std::string> spools;
  LocalDeployerOptions options = Options();
  options.on_spool_left = [&](std::string spool) { spools.push_back(std::move(spool)); };
  auto deployer = MakeLocalDeployer(options);
  DeploymentSpec other = Spec(2);
  other.document = R"({"behave":"serve","version":2,"logs":{}})";
  ASSERT_TRUE(deployer->Apply(other).ok());
  // At once: what ran when the server was killed answers until the new engine is ready.
  EXPECT_EQ(Routed(*deployer), running);
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "the new engine";
  EXPECT_EQ(running.count(*Routed(*deployer).begin()), 0u);
  ASSERT_TRUE(Comes([&] { return Engines() == Routed(*deployer); })) << "the end of the others";
  deployer->Shutdown();
  // Rows may be left in the spools of the ended engines: they are handed over, not removed.
  EXPECT_EQ(spools.size(), 3u);
  for (const std::string& spool : spools) EXPECT_TRUE(fs::is_directory(spool)) << spool;
}

TEST_F(DeployerTest, AnEngineThatDoesNotAnswerIsNotTakenOver) {
  DeployAndDie(Options(), Spec(1));
  const std::set<pid_t> running = Engines();
  LocalDeployerOptions options = Options();
  options.healthy = [](const HostPort&) { return false; };
  auto deployer = MakeLocalDeployer(options);
  ASSERT_TRUE(deployer->Apply(Spec(1)).ok());
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "an engine";
  EXPECT_NE(Routed(*deployer), running);
  EXPECT_EQ(Engines(), Routed(*deployer));
}

TEST_F(DeployerTest, GoesToZeroWithoutRequestsAndComesBackForOne) {
  LocalDeployerOptions options = Options();
  options.pace = {milliseconds(20), milliseconds(100), milliseconds(200)};
  auto deployer = MakeLocalDeployer(options);
  DeploymentSpec spec = Spec(1);
  spec.autoscale = Autoscale{0, 2, 0.75};
  ASSERT_TRUE(deployer->Apply(spec).ok());
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "an engine";
  auto route = deployer->FindRoute("d-7");
  ASSERT_TRUE(Comes([&] { return !route->may_wait(); })) << "the route";
  const auto last = route->endpoints()->front();
  ASSERT_TRUE(Comes([&] { return route->endpoints()->empty(); })) << "no engine";
  EXPECT_FALSE(last->Enter());
  EXPECT_TRUE(route->may_wait());
  ASSERT_TRUE(Comes([&] { return Engines().empty(); })) << "the end of the engine";
  EXPECT_TRUE(Is(*deployer, Phase::kRunning));
  EXPECT_EQ(
      deployer->GetStatus(7)->details,
      std::vector<std::string>{"autoscale: 0 of 0 to 2 replicas; the next request starts one"});
  for (int i = 0; i < 3; ++i) route->Want();
  ASSERT_TRUE(Comes([&] { return route->endpoints()->size() == 1; })) << "an engine";
  EXPECT_EQ(Engines().size(), 1u);
  // A request that is under way keeps it.
  ASSERT_TRUE(route->endpoints()->front()->Enter());
  std::this_thread::sleep_for(milliseconds(500));
  ASSERT_EQ(route->endpoints()->size(), 1u);
  route->endpoints()->front()->Leave();
  // A redeploy of a sleeping deployment shows that the new version starts.
  ASSERT_TRUE(Comes([&] { return route->endpoints()->empty(); })) << "no engine";
  spec.generation = 2;
  ASSERT_TRUE(deployer->Apply(spec).ok());
  ASSERT_TRUE(Comes([&] { return route->endpoints()->size() == 1; })) << "the new engine";
}

TEST_F(DeployerTest, ARequestDoesNotWaitForAnEngineThatFails) {
  LocalDeployerOptions options = Options();
  auto deployer = MakeLocalDeployer(options);
  DeploymentSpec spec = Spec(1, "refuse");
  spec.replicas = 0;
  spec.autoscale = Autoscale{0, 1, 0.75};
  ASSERT_TRUE(deployer->Apply(spec).ok());
  auto route = deployer->FindRoute("d-7");
  ASSERT_TRUE(Comes([&] { return route->may_wait(); })) << "the sleep";
  route->Want();
  ASSERT_TRUE(Comes([&] { return !route->may_wait(); })) << "the failure";
  EXPECT_TRUE(Is(*deployer, Phase::kError));
}

TEST_F(DeployerTest, AServerThatStopsSoonEndsWhatNobodyClaimed) {
  DeployAndDie(Options(), Spec(1));
  ASSERT_EQ(Engines().size(), 1u);
  MakeLocalDeployer(Options())->Shutdown();
  EXPECT_EQ(Engines(), std::set<pid_t>());
}

TEST_F(DeployerTest, ANumberThatBelongsToSomebodyElseIsLeftAlone) {
  ProcessOptions options;
  options.arguments = {"/bin/sleep", "1000"};
  options.output_file = directory_ + "/output";
  Result<Process> bystander = Process::Spawn(options);
  ASSERT_TRUE(bystander.ok());
  const std::string left = Run() + "/deployments/7/engine-0123456789-abcde";
  ASSERT_TRUE(MakeDirectories(left).ok());
  const std::string pid = std::to_string(bystander->pid());
  ASSERT_TRUE(WriteFileAtomically(left + "/process", pid + " 1 fingerprint").ok());
  ASSERT_TRUE(WriteFileAtomically(left + "/ready", "127.0.0.1:1").ok());
  auto deployer = MakeLocalDeployer(Options());
  ASSERT_TRUE(deployer->Apply(Spec(1)).ok());
  ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "an engine";
  EXPECT_FALSE(fs::exists(left));
  EXPECT_FALSE(bystander->Ended());
  bystander->Signal(SIGKILL);
  ASSERT_TRUE(bystander->WaitFor(seconds(60)));
}

TEST_F(DeployerTest, AHundredDeploymentsLeaveNothing) {
  auto deployer = MakeLocalDeployer(Options());
  const auto held = [] {
    const auto count = [](const char* path) {
      return std::distance(fs::directory_iterator(path), fs::directory_iterator());
    };
    std::vector<std::int64_t> out{count("/proc/self/fd"), count("/proc/self/task")};
    for (const char* parent : {"/sys/fs/cgroup/cpu/joey", "/sys/fs/cgroup/memory/joey",
                               "/sys/fs/cgroup/cpuacct/joey", "/sys/fs/cgroup/joey"}) {
      std::int64_t groups = 0;
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(parent, error)) {
        // Those of other servers on this machine come and go.
        const std::string members = entry.path().string() + "/cgroup.procs";
        if (!entry.is_directory(error) || !fs::exists(members, error)) continue;
        Result<std::string> procs = ReadFile(members, 1 << 16);
        if (procs.ok() && procs->empty()) ++groups;
      }
      out.push_back(groups);
    }
    return out;
  };
  const auto before = held();
  for (int i = 1; i <= 100; ++i) {
    DeploymentSpec spec = Spec(i);
    spec.cpus = 0.5;
    spec.memory_bytes = 64 << 20;
    ASSERT_TRUE(deployer->Apply(spec).ok());
    ASSERT_TRUE(Comes([&] { return Routed(*deployer).size() == 1; })) << "an engine";
    ASSERT_TRUE(deployer->Remove(7).ok());
    ASSERT_TRUE(Comes([&] { return !deployer->GetStatus(7); })) << "the end";
  }
  const auto after = held();
  EXPECT_EQ(after[0], before[0]);
  EXPECT_EQ(after[1], before[1]);
  for (std::size_t i = 2; i < after.size(); ++i) EXPECT_LE(after[i], before[i]);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no child, dead or alive
  EXPECT_TRUE(fs::is_empty(Run() + "/deployments"));
}

}  // namespace
}  // namespace joey::deploy
