// `joey user …` and `joey token …`: users and API tokens, by who may read and write the data
// directory. A running joey serve sees the changes within two seconds.
#pragma once

#include <CLI/CLI.hpp>

namespace joey::cli {

void AddUserCommand(CLI::App& app);
void AddTokenCommand(CLI::App& app);

}  // namespace joey::cli
