#include "cli/plugins.h"

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "base/files.h"
#include "runtime/framework_model.h"
#include "runtime/tensorflow_plugin.h"
#include "runtime/worker_environment.h"

namespace joey::cli {
namespace {

constexpr int kExitFailed = 1;

// Whether SIGTERM or SIGINT came, which an engine's threads do not take.
bool TerminationPending() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1;
}

// Says beside the ready file what is waited for while `install` runs.
Status Waiting(const std::string& ready_file, const std::string& what,
               const std::function<Status()>& install) {
  spdlog::info("waiting for {} to be installed", what);
  const std::string waiting = ready_file + ".waiting";
  if (!ready_file.empty()) {
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(waiting, what + " is being downloaded"));
  }
  Status status = install();
  if (!ready_file.empty()) ::unlink(waiting.c_str());
  return status;
}

int Install(const TensorFlowInstall& how) {
  const bool there = TensorFlowIsInstalled();
  if (!there) {
    fmt::print("downloading TensorFlow {} (280 MB, 850 MB unpacked)\n", kTensorFlowVersion);
    std::fflush(stdout);
  }
  const Result<std::string> directory = EnsureTensorFlow(how);
  if (!directory.ok()) {
    fmt::print(stderr, "joey: {}\n", directory.status().ToString());
    return kExitFailed;
  }
  fmt::print("TensorFlow {} is {}installed in {}\n", kTensorFlowVersion, there ? "already " : "",
             *directory);
  return 0;
}

}  // namespace

void AddPluginCommand(CLI::App& app) {
  struct Arguments {
    std::string name;
    TensorFlowInstall how;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* plugin = app.add_subcommand("plugin", "Install large libraries that are optional");
  plugin->require_subcommand(1);
  CLI::App* install = plugin->add_subcommand("install", "Fetch a plug-in, or see that it is there");
  install->add_option("name", arguments->name, "Which: tensorflow")
      ->required()
      ->check(CLI::IsMember({"tensorflow"}));
  install->add_option("--wheel", arguments->how.wheel, "Unpack this file instead of a download")
      ->check(CLI::ExistingFile);
  install->callback([arguments] { throw CLI::RuntimeError(Install(arguments->how)); });
}

namespace {

// The environments of workers that were removed since the models were uploaded.
Status PrepareEnvironments(const DeploymentDocument& document, const std::string& ready_file) {
  for (const ModelEntry& model : document.models) {
    if (model.environment.empty()) continue;
    JOEY_ASSIGN_OR_RETURN(const EnvironmentSpec spec,
                          EnvironmentOf(model.framework, model.environment, model.path));
    JOEY_ASSIGN_OR_RETURN(const WorkerEnvironment environment, LocateEnvironment(spec));
    if (::access(environment.interpreter.c_str(), X_OK) == 0) continue;
    JOEY_RETURN_IF_ERROR(Waiting(ready_file, "the Python environment '" + spec.lock + "'", [&] {
      return EnsureEnvironment(spec, TerminationPending).status();
    }));
  }
  return {};
}

}  // namespace

Status PreparePlugins(const DeploymentDocument& document, const std::string& ready_file) {
  JOEY_RETURN_IF_ERROR(PrepareEnvironments(document, ready_file));
  const bool needed = std::any_of(document.models.begin(), document.models.end(),
                                  [](const ModelEntry& m) { return m.runtime == "tensorflow"; });
  if (!needed || TensorFlowIsInstalled()) return {};
  return Waiting(ready_file, "TensorFlow",
                 [] { return EnsureTensorFlow({.cancelled = TerminationPending}).status(); });
}

void PluginFetcher::Fetch(std::string_view runtime) {
  if (runtime != "tensorflow" || TensorFlowIsInstalled()) return;
  const std::lock_guard lock(mutex_);
  if (stopping_ || running_) return;
  if (thread_.joinable()) thread_.join();
  running_ = true;
  thread_ = std::thread([this] {
    spdlog::info("TensorFlow {} is being downloaded", kTensorFlowVersion);
    const Result<std::string> directory =
        EnsureTensorFlow({.cancelled = [this] { return stopping_.load(); }});
    if (directory.ok()) {
      spdlog::info("TensorFlow is installed in {}", *directory);
    } else {
      spdlog::warn("{}", directory.status().ToString());
    }
    running_ = false;
  });
}

void PluginFetcher::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace joey::cli
