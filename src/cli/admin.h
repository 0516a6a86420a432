// `joey backup`, `joey restore` and `joey doctor`.
#pragma once

#include <CLI/CLI.hpp>

namespace joey::cli {

void AddAdminCommands(CLI::App& app);

}  // namespace joey::cli
