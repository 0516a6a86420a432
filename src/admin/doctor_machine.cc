// What the machine gives: isolation, limits, open files, the clock.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include <chrono>

#include "admin/doctor.h"
#include "base/cgroup.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/landlock.h"
#include "base/sandbox.h"

namespace joey::admin {
namespace {

constexpr rlim_t kFilesMin = 256;
constexpr rlim_t kFilesGood = 16384;                       // 10,000 connections, engines, logs
constexpr std::int64_t kEarliest = 1'735'689'600'000'000;  // 2025, before this joey was made

void ExamineCgroups(Findings& findings) {
  constexpr char kAbout[] = "control groups";
  const auto group =
      Cgroup::Make("doctor-" + std::to_string(::getpid()), 1.0, std::int64_t{64} << 20);
  if (group.ok()) {
    findings.push_back({Level::kFine, kAbout, "engines are held to their CPUs and memory"});
  } else {
    findings.push_back(
        {Level::kWarning, kAbout, "joey may not make any: " + group.status().message(),
         "run it in a service with Delegate=yes; until then an engine's threads and data are "
         "limited, not its CPU time"});
  }
}

void ExamineSandbox(Findings& findings) {
  constexpr char kAbout[] = "isolation";
  constexpr char kReport[] = "report it with the output of uname -a";
  constexpr char kHint[] = "Python steps run all the same; run only those that you trust";
  SandboxOptions options;
  options.arguments = {"/bin/true"};
  const UniqueFd output(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  options.output = output.get();
  Result<SandboxedProcess> spawned = SpawnSandboxed(options);
  if (!spawned.ok()) {
    findings.push_back({Level::kProblem, kAbout,
                        "no worker can be started: " + spawned.status().message(), kReport});
    return;
  }
  if (!spawned->process.WaitFor(std::chrono::seconds(10)) || spawned->process.exit_status() != 0) {
    findings.push_back({Level::kProblem, kAbout,
                        "a sandboxed program does not run: " + spawned->process.ending(), kReport});
    return;
  }
  const std::string missing = MissingLayers(spawned->layers);
  const std::string landlock =
      LandlockVersion() > 0 ? fmt::format("Landlock {}", LandlockVersion()) : "no Landlock";
  if (missing.empty()) {
    findings.push_back(
        {Level::kFine, kAbout,
         "Python steps get namespaces, seccomp and a user of their own; " + landlock});
  } else {
    findings.push_back({Level::kWarning, kAbout, missing + "; " + landlock, kHint});
  }
}

void ExamineFiles(Findings& findings) {
  constexpr char kAbout[] = "open files";
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::string message = fmt::format("{} at once for each process", limit.rlim_cur);
  if (limit.rlim_cur < kFilesMin) {
    findings.push_back({Level::kProblem, kAbout, message,
                        "raise it: ulimit -n 16384, or LimitNOFILE=16384 in the service"});
  } else if (limit.rlim_cur < kFilesGood) {
    findings.push_back({Level::kWarning, kAbout, message + ", too few for 10,000 connections",
                        "raise it: ulimit -n 16384, or LimitNOFILE=16384 in the service"});
  } else {
    findings.push_back({Level::kFine, kAbout, message});
  }
}

void ExamineClock(Findings& findings) {
  constexpr char kAbout[] = "clock";
  const std::string now = FormatMicros(NowMicros());
  timex state{};
  const int synchronised = ::adjtimex(&state);
  if (NowMicros() < kEarliest) {
    findings.push_back({Level::kProblem, kAbout, "it is not " + now,
                        "set the clock: tokens and certificates depend on it"});
  } else if (synchronised == TIME_ERROR) {
    findings.push_back({Level::kWarning, kAbout, now + ", not synchronised",
                        "let chrony or systemd-timesyncd keep it, if the host does not: times of "
                        "log rows come from it"});
  } else {
    findings.push_back({Level::kFine, kAbout, now});
  }
}

}  // namespace

void ExamineMachine(Findings& findings) {
  ExamineCgroups(findings);
  ExamineSandbox(findings);
  ExamineFiles(findings);
  ExamineClock(findings);
}

}  // namespace joey::admin
