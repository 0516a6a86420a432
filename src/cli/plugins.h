// Plug-ins: large libraries that are fetched when something needs them first.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/status.h"
#include "pipeline/deployment_document.h"

namespace joey::cli {

// `joey plugin install NAME`.
void AddPluginCommand(CLI::App& app);

// In an engine, before it loads models: fetches what they need, or waits until somebody else has.
// Meanwhile `<ready_file>.waiting` says what for, and the engine counts as starting.
Status PreparePlugins(const DeploymentDocument& document, const std::string& ready_file);

// In joey serve: fetches in the background, so that it is there when the first engine asks.
class PluginFetcher {
 public:
  ~PluginFetcher() { Stop(); }

  // Thread-safe; returns at once. Nothing happens for runtimes that need no plug-in. Failures are
  // logged; the engines report them.
  void Fetch(std::string_view runtime);
  // Gives up what is running.
  void Stop();

 private:
  std::mutex mutex_;
  std::thread thread_;
  std::atomic<bool> running_ = false;
  std::atomic<bool> stopping_ = false;
};

}  // namespace joey::cli
