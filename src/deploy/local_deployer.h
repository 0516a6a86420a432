// Engines as processes of this machine.
//
// A supervising thread starts, watches, restarts and ends them. When joey serve ends normally the
// engines end too; when it is killed they go on, and the next joey serve takes them over: their
// files below `run_directory` say which process serves what.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "deploy/deployer.h"

namespace joey::deploy {

struct LocalDeployerOptions {
  std::string run_directory;    // documents and state of the engines
  std::string spool_directory;  // the engines' log spools
  std::string program;          // path of joey; empty: this program
  // Called on the supervising thread with a spool directory no engine uses any more (it may hold
  // rows that were not shipped). Must not block.
  std::function<void(std::string)> on_spool_left;
  AutoscalePace pace;
  // Whether an engine that is to be taken over answers; empty: GET /healthz.
  std::function<bool(const HostPort&)> healthy;
};

std::unique_ptr<Deployer> MakeLocalDeployer(LocalDeployerOptions options);

}  // namespace joey::deploy
