#include "cli/engine.h"

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "base/files.h"
#include "base/limits.h"
#include "base/process.h"
#include "cli/plugins.h"
#include "engine/engine.h"

namespace joey::cli {

namespace {

constexpr int kExitFailed = 3;

struct EngineArguments {
  std::string deployment;
  std::string listen = "127.0.0.1:0";
  std::string ready_file;
  std::optional<int> flight_port;
};

int Fail(const EngineArguments& arguments, const Status& status) {
  spdlog::error("{}", status.ToString());
  if (!arguments.ready_file.empty()) {
    nlohmann::json document = {
        {"error", CodeName(status.code())}, {"message", status.message()}, {"hint", status.hint()}};
    Status written = WriteFileAtomically(arguments.ready_file + ".error", document.dump());
    if (!written.ok()) spdlog::error("{}", written.ToString());
  }
  return kExitFailed;
}

struct RunningEngine {
  std::unique_ptr<engine::Engine> engine;
  std::string owner_pid_file;
};

Result<RunningEngine> StartEngine(const EngineArguments& arguments) {
  JOEY_ASSIGN_OR_RETURN(HostPort listen, ParseHostPort(arguments.listen));
  if (!listen.IsLoopback()) {
    return FailedPrecondition("an engine has no login and listens on loopback addresses only",
                              "use --listen 127.0.0.1:PORT and reach it through joey serve");
  }
  JOEY_ASSIGN_OR_RETURN(std::string text,
                        ReadFile(arguments.deployment, limits::kControlBodyBytesMax));
  JOEY_ASSIGN_OR_RETURN(DeploymentDocument document, ParseDeploymentDocument(text));
  if (arguments.flight_port) document.flight_port = arguments.flight_port;
  RunningEngine running;
  running.owner_pid_file = document.owner_pid_file;
  const std::size_t slash = arguments.deployment.rfind('/');
  document.scratch_directory =
      slash == std::string::npos ? "scratch" : arguments.deployment.substr(0, slash) + "/scratch";
  JOEY_RETURN_IF_ERROR(PreparePlugins(document, arguments.ready_file));
  JOEY_ASSIGN_OR_RETURN(running.engine, engine::Engine::Start(std::move(document), listen));
  if (!arguments.ready_file.empty()) {
    for (const auto& [suffix, address] : {std::pair(".grpc", running.engine->grpc_address()),
                                          std::pair(".flight", running.engine->flight_address())}) {
      if (!address) continue;
      JOEY_RETURN_IF_ERROR(WriteFileAtomically(arguments.ready_file + suffix, address->ToString()));
    }
    JOEY_RETURN_IF_ERROR(
        WriteFileAtomically(arguments.ready_file, running.engine->address().ToString()));
  }
  return running;
}

// Whether the process that the file names ("pid start-time") lives.
bool OwnerLives(const std::string& pid_file) {
  Result<std::string> text = ReadFile(pid_file, 256);
  if (!text.ok()) return false;
  std::istringstream words(*text);
  pid_t pid = 0;
  std::uint64_t ticks = 0;
  return (words >> pid >> ticks) && ProcessStartTicks(pid) == ticks;
}

// Returns on SIGTERM or SIGINT, or when nobody has owned this engine for too long: a joey serve
// that was killed is expected back, but an engine must not run for ever without one.
void WaitForTheEnd(const sigset_t& signals, const std::string& owner_pid_file) {
  constexpr timespec kCheckEvery{5, 0};
  auto owned = std::chrono::steady_clock::now();
  for (;;) {
    if (::sigtimedwait(&signals, nullptr, &kCheckEvery) > 0) return;
    auto now = std::chrono::steady_clock::now();
    if (owner_pid_file.empty() || OwnerLives(owner_pid_file)) {
      owned = now;
    } else if (now - owned > std::chrono::seconds(limits::kOrphanSecondsMax)) {
      spdlog::warn("joey serve is gone and did not come back: this engine ends");
      return;
    }
  }
}

int RunEngine(const EngineArguments& arguments) {
  // Before any thread starts, so that all inherit it: signals are taken by sigwait() below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Result<RunningEngine> running = StartEngine(arguments);
  if (!running.ok()) return Fail(arguments, running.status());
  fmt::print("joey engine listens on http://{}\n", running->engine->address().ToString());
  if (const std::optional<HostPort> grpc = running->engine->grpc_address()) {
    fmt::print("gRPC on {}\n", grpc->ToString());
  }
  if (const std::optional<HostPort> flight = running->engine->flight_address()) {
    fmt::print("Arrow Flight on {}\n", flight->ToString());
  }
  std::fflush(stdout);
  WaitForTheEnd(signals, running->owner_pid_file);
  running->engine->Drain();
  return 0;
}

}  // namespace

void AddEngineCommand(CLI::App& app) {
  auto arguments = std::make_shared<EngineArguments>();
  CLI::App* command = app.add_subcommand("engine", "Run one replica of a deployment");
  command->add_option("--deployment", arguments->deployment, "The deployment document")->required();
  command->add_option("--listen", arguments->listen, "HOST:PORT; port 0 takes any free one")
      ->capture_default_str();
  command->add_option("--ready-file", arguments->ready_file,
                      "Written with the bound HOST:PORT once the engine answers");
  command
      ->add_option("--flight-port", arguments->flight_port,
                   "Serve Arrow Flight too, on this port; 0 takes any free one")
      ->check(CLI::Range(0, 65535));
  command->callback([arguments] { throw CLI::RuntimeError(RunEngine(*arguments)); });
}

}  // namespace joey::cli
