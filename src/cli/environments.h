// `joey env`: the Python environments of workers.
#pragma once

#include <CLI/CLI.hpp>

namespace joey::cli {

void AddEnvironmentCommand(CLI::App& app);

}  // namespace joey::cli
