// Where the Python interpreter and the workers' code are.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace joey {

struct PythonRuntime {
  std::string interpreter;       // absolute
  std::string worker_directory;  // absolute; the folder `workers` of the source tree
};

// In this order: the environment's JOEY_PYTHON and JOEY_WORKERS; ../share/joey/workers beside the
// program's own folder; what the build found. Non-empty arguments win over all. kFailedPrecondition
// where there is none.
Result<PythonRuntime> FindPythonRuntime(const std::string& interpreter = "",
                                        const std::string& worker_directory = "");

// What a sandbox has to let the interpreter read: its environment and its installation.
std::vector<std::string> PythonDirectories(const PythonRuntime& runtime);

}  // namespace joey
