#include "cli/environments.h"

#include <fmt/core.h>

#include <memory>
#include <string>

#include "runtime/worker_environment.h"

namespace joey::cli {
namespace {

constexpr int kExitFailed = 1;

int Report(const Status& status) {
  if (status.ok()) return 0;
  fmt::print(stderr, "joey: {}\n", status.ToString());
  return kExitFailed;
}

int List() {
  const Result<std::vector<EnvironmentInfo>> all = ListEnvironments();
  if (!all.ok()) return Report(all.status());
  constexpr double kMebibyte = 1 << 20;
  for (const EnvironmentInfo& environment : *all) {
    fmt::print("{}\t{:.0f} MiB\n", environment.name,
               static_cast<double>(environment.bytes) / kMebibyte);
  }
  return 0;
}

int Install(const std::string& lock) {
  const Result<WorkerEnvironment> made = EnsureEnvironment({lock, ""});
  if (!made.ok()) return Report(made.status());
  fmt::print("{}\n", made->name);
  return 0;
}

}  // namespace

void AddEnvironmentCommand(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* env = app.add_subcommand("env", "Python environments of model workers");
  env->require_subcommand(1);
  env->add_subcommand("list", "Those that are installed, with their sizes")->callback([] {
    throw CLI::RuntimeError(List());
  });
  CLI::App* install = env->add_subcommand("install", "Install one, or see that it is there");
  install->add_option("name", *name, "Its lock file without .txt: sklearn, xgboost …")->required();
  install->callback([name] { throw CLI::RuntimeError(Install(*name)); });
  CLI::App* remove =
      env->add_subcommand("remove", "Remove one; it is made again when it is needed");
  remove->add_option("name", *name, "As 'joey env list' shows it")->required();
  remove->callback([name] { throw CLI::RuntimeError(Report(RemoveEnvironment(*name))); });
}

}  // namespace joey::cli
