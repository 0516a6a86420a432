#include "cli/engine.h"

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/limits.h"
#include "engine/engine.h"

namespace joey::cli {

namespace {

constexpr int kExitFailed = 3;

struct EngineArguments {
  std::string deployment;
  std::string listen = "127.0.0.1:0";
  std::string ready_file;
};

int Fail(const EngineArguments& arguments, const Status& status) {
  spdlog::error("{}", status.ToString());
  if (!arguments.ready_file.empty()) {
    nlohmann::json document = {{"error", CodeName(status.code())},
                               {"message", status.message()},
                               {"hint", status.hint()}};
    Status written = WriteFileAtomically(arguments.ready_file + ".error", document.dump());
    if (!written.ok()) spdlog::error("{}", written.ToString());
  }
  return kExitFailed;
}

Result<std::unique_ptr<engine::Engine>> StartEngine(const EngineArguments& arguments) {
  JOEY_ASSIGN_OR_RETURN(HostPort listen, ParseHostPort(arguments.listen));
  if (!listen.IsLoopback()) {
    return FailedPrecondition("an engine has no login and listens on loopback addresses only",
                              "use --listen 127.0.0.1:PORT and reach it through joey serve");
  }
  JOEY_ASSIGN_OR_RETURN(std::string text,
                        ReadFile(arguments.deployment, limits::kControlBodyBytesMax));
  JOEY_ASSIGN_OR_RETURN(DeploymentDocument document, ParseDeploymentDocument(text));
  JOEY_ASSIGN_OR_RETURN(auto engine, engine::Engine::Start(std::move(document), listen));
  if (!arguments.ready_file.empty()) {
    JOEY_RETURN_IF_ERROR(
        WriteFileAtomically(arguments.ready_file, engine->address().ToString()));
  }
  return engine;
}

int RunEngine(const EngineArguments& arguments) {
  // Before any thread starts, so that all inherit it: signals are taken by sigwait() below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Result<std::unique_ptr<engine::Engine>> engine = StartEngine(arguments);
  if (!engine.ok()) return Fail(arguments, engine.status());
  fmt::print("joey engine listens on http://{}\n", (*engine)->address().ToString());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  (*engine)->Drain();
  return 0;
}

}  // namespace

void AddEngineCommand(CLI::App& app) {
  auto arguments = std::make_shared<EngineArguments>();
  CLI::App* command = app.add_subcommand("engine", "Run one replica of a deployment");
  command->add_option("--deployment", arguments->deployment, "The deployment document")
      ->required();
  command->add_option("--listen", arguments->listen, "HOST:PORT; port 0 takes any free one")
      ->capture_default_str();
  command->add_option("--ready-file", arguments->ready_file,
                      "Written with the bound HOST:PORT once the engine answers");
  command->callback([arguments] { throw CLI::RuntimeError(RunEngine(*arguments)); });
}

}  // namespace joey::cli
