#include "cli/serve.h"

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/files.h"
#include "cli/server_process.h"
#include "cli/standby.h"
#include "http/listener.h"
#include "store/data_directory.h"

namespace joey::cli {
namespace {

constexpr int kExitFailed = 1;

deploy::AutoscalePace PaceOf(double up_seconds, double down_seconds) {
  using std::chrono::milliseconds;
  deploy::AutoscalePace pace;
  pace.up = milliseconds(static_cast<std::int64_t>(up_seconds * 1000));
  pace.down = milliseconds(static_cast<std::int64_t>(down_seconds * 1000));
  // Several looks in the shorter of both.
  pace.sample = std::min(pace.sample, std::max(milliseconds(20), std::min(pace.up, pace.down) / 4));
  return pace;
}

// One that stands on the command line is seen by everybody who may list processes.
void WarnOfPassword(const std::string& metadata) {
  const char* const environment = std::getenv("JOEY_METADATA");
  if (environment != nullptr && metadata == environment) return;
  if (WithoutPassword(metadata) == metadata) return;
  spdlog::warn(
      "--metadata shows its password to others on this machine: set JOEY_METADATA instead");
}

// What a standby is told by: the leader's end or a signal. True for the former.
bool WaitForLeadersEnd(const sigset_t& signals, const Standby& standby) {
  constexpr timespec kLookEvery{0, 50'000'000};
  while (!standby.leader_is_gone()) {
    if (::sigtimedwait(&signals, nullptr, &kLookEvery) > 0) return false;
  }
  return true;
}

// Passes connections through as long as another server has the data directory. True when it has
// ended, with the socket that clients go on to use; false when this one was asked to end.
Result<bool> StandBy(ServeOptions& options, const sigset_t& signals, UniqueFd& listener) {
  if (!listener.valid()) {
    JOEY_ASSIGN_OR_RETURN(HostPort listen, ParseHostPort(options.listen));
    JOEY_RETURN_IF_ERROR(ServerProcess::CheckListen(listen, options));
    JOEY_ASSIGN_OR_RETURN(listener, http::Listen(listen));
    listen.port = http::PortOf(listener);
    options.listen = listen.ToString();
  }
  const std::unique_ptr<Standby> standby = Standby::Start(options.data, std::move(listener));
  if (!options.ready_file.empty()) {
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(options.ready_file, options.listen, 0644));
  }
  spdlog::info("standing by on http://{} for the joey serve that leads", options.listen);
  const bool alone = WaitForLeadersEnd(signals, *standby);
  listener = standby->Stop();
  if (alone) spdlog::info("the joey serve that led is gone: taking over");
  return alone;
}

int Serve(ServeOptions options) {
  // Before any thread starts, so that all inherit it: signals are taken by sigwait() below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  WarnOfPassword(options.metadata);
  UniqueFd listener;
  Result<std::unique_ptr<ServerProcess>> process = Status();
  for (;;) {
    if (IsPostgresql(options.metadata) && DataDirectory::IsInUse(options.data)) {
      const Result<bool> leads = StandBy(options, signals, listener);
      if (leads.ok() && !*leads) return 0;
      if (!leads.ok()) {
        process = leads.status();
        break;
      }
    }
    process = ServerProcess::Start(options, listener);
    // Of several that stand by one was faster.
    const bool late = !process.ok() && IsPostgresql(options.metadata) &&
                      process.status().code() == Code::kFailedPrecondition &&
                      DataDirectory::IsInUse(options.data);
    if (!late) break;
  }
  if (!process.ok()) {
    spdlog::error("{}", process.status().ToString());
    return kExitFailed;
  }
  fmt::print("joey serve listens on http://{} with the data of {}\n",
             (*process)->address().ToString(), (*process)->data());
  if ((*process)->needs_administrator()) {
    fmt::print(
        "Nobody can sign in yet. Create the first administrator with\n"
        "  joey user --data {} create --administrator EMAIL\n",
        (*process)->data());
  }
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("stopping: running requests finish, then the engines end");
  (*process)->Stop();
  return 0;
}

}  // namespace

void AddServeCommand(CLI::App& app) {
  struct Arguments {
    ServeOptions options;
    std::string log_level = "info";
    double scale_up_seconds = 5;
    double scale_down_seconds = 60;
  };
  auto arguments = std::make_shared<Arguments>();
  ServeOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("serve", "Run the control plane and the gateway");
  command->add_option("--data", options.data, "Directory of everything that is kept")
      ->capture_default_str();
  command
      ->add_option("--metadata", options.metadata,
                   "postgresql://USER@HOST/DATABASE instead of SQLite in the data directory; a "
                   "password belongs in the environment, where nobody else sees it")
      ->envname("JOEY_METADATA");
  command->add_option("--listen", options.listen, "HOST:PORT; port 0 takes any free one")
      ->capture_default_str();
  command->add_option("--ready-file", options.ready_file,
                      "Written with the bound HOST:PORT once the server is ready");
  command
      ->add_option("--auth", options.auth,
                   "Who may use it: builtin (its own users), none (everybody; loopback only)")
      ->check(CLI::IsMember({"builtin", "none"}))
      ->capture_default_str();
  command
      ->add_option("--max-users", options.users_max,
                   "Users that may be active at a time; any number without it")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31));
  command
      ->add_option("--max-pipelines", options.pipelines_max,
                   "Pipelines that may be deployed at a time; any number without it")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31));
  command
      ->add_option("--check-column", options.check_column,
                   "How validations are shown: anomaly (2023.4.1 and later) or check_failures")
      ->check(CLI::IsMember({"anomaly", "check_failures"}))
      ->capture_default_str();
  command
      ->add_option("--io-threads", options.io_threads,
                   "Threads for connections; 0 takes half of the CPUs")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  command->add_flag("--strict-resources", options.strict_resources,
                    "Refuse a deployment that does not fit beside what all others may use");
  command
      ->add_option("--scale-up-seconds", arguments->scale_up_seconds,
                   "Autoscale: how long the load must ask for more engines")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command
      ->add_option("--scale-down-seconds", arguments->scale_down_seconds,
                   "Autoscale: how long the load must ask for fewer engines, or be none")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command->add_option("--log-level", arguments->log_level, "How much is logged to stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  command->callback([arguments] {
    spdlog::set_default_logger(spdlog::stderr_logger_mt("joey"));
    spdlog::set_level(spdlog::level::from_str(arguments->log_level));
    arguments->options.autoscale =
        PaceOf(arguments->scale_up_seconds, arguments->scale_down_seconds);
    throw CLI::RuntimeError(Serve(arguments->options));
  });
}

}  // namespace joey::cli
