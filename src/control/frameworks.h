// The model frameworks of the guide (F14), and how this release runs each.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey::control {

struct FrameworkInfo {
  std::string_view name;
  // What runs its models inside an engine; empty where they are converted or run in workers.
  std::string_view runtime;
  // Environments of its workers (workers/locks), in the order in which they are tried; those of
  // frameworks that need none, or that this release does not run, are empty.
  std::vector<std::string_view> environments;
  bool converts = false;  // conversion to ONNX is tried first

  bool in_workers() const { return !environments.empty(); }
};

std::span<const FrameworkInfo> Frameworks();

// Unimplemented for frameworks of the list that this release does not run; InvalidArgument for
// anything else.
Result<const FrameworkInfo*> FindFramework(std::string_view framework);

}  // namespace joey::control
