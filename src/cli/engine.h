// `joey engine`: one replica of a deployment.
#pragma once

#include <CLI/CLI.hpp>

namespace joey::cli {

void AddEngineCommand(CLI::App& app);

}  // namespace joey::cli
