// `joey serve`: control plane and gateway in one process.
#pragma once

#include <CLI/CLI.hpp>

namespace joey::cli {

void AddServeCommand(CLI::App& app);

}  // namespace joey::cli
