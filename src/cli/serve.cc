#include "cli/serve.h"

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/server_process.h"

namespace joey::cli {
namespace {

constexpr int kExitFailed = 1;

int Serve(const ServeOptions& options) {
  // Before any thread starts, so that all inherit it: signals are taken by sigwait() below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Result<std::unique_ptr<ServerProcess>> process = ServerProcess::Start(options);
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
  };
  auto arguments = std::make_shared<Arguments>();
  ServeOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("serve", "Run the control plane and the gateway");
  command->add_option("--data", options.data, "Directory of everything that is kept")
      ->capture_default_str();
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
  command->add_option("--log-level", arguments->log_level, "How much is logged to stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  command->callback([arguments] {
    spdlog::set_default_logger(spdlog::stderr_logger_mt("joey"));
    spdlog::set_level(spdlog::level::from_str(arguments->log_level));
    throw CLI::RuntimeError(Serve(arguments->options));
  });
}

}  // namespace joey::cli
