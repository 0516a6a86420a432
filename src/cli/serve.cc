#include "cli/serve.h"

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/server_process.h"

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
  fmt::print("joey serve listens on {} with the data of {}\n", (*process)->url(),
             (*process)->data());
  if (const std::string link = (*process)->setup_link(); !link.empty()) {
    fmt::print("Nobody can sign in yet. Create the first administrator at\n\n    {}\n\n", link);
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
  command->add_option("--listen", options.listen, "HOST:PORT; port 0 takes any free one")
      ->capture_default_str();
  command->add_option("--ready-file", options.ready_file,
                      "Written with the bound HOST:PORT once the server is ready");
  command
      ->add_option("--auth", options.auth,
                   "Who may use it: builtin (its own users), oidc (users of another provider), "
                   "none (everybody; loopback only)")
      ->check(CLI::IsMember({"builtin", "oidc", "none"}))
      ->capture_default_str();
  command->add_option("--oidc-issuer", options.provider.issuer,
                      "The provider of --auth oidc, as its tokens name it");
  command->add_option("--oidc-client", options.provider.client_id, "Our public client there")
      ->capture_default_str();
  command->add_option("--oidc-admin", options.provider.administrator,
                      "CLAIM=VALUE of administrators, such as realm_access.roles=joey-admin");
  command->add_option("--tls-cert", options.tls_certificate,
                      "PEM file with the certificate and those that vouch for it: speak TLS");
  command->add_option("--tls-key", options.tls_key, "PEM file with its key");
  command->add_flag("--behind-proxy", options.behind_proxy,
                    "A proxy before it ends TLS; believe its X-Forwarded-For and -Proto");
  command->add_option("--public-url", options.public_url,
                      "How users reach it, such as https://joey.example.com");
  command->add_option("--allowed-host", options.allowed_hosts,
                      "Another host name that requests may name; may be repeated");
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
