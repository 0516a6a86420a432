#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "cli/admin.h"
#include "cli/engine.h"
#include "cli/plugins.h"
#include "cli/serve.h"
#include "cli/users.h"
#include "cli/version.h"

int main(int argc, char** argv) {
  CLI::App app("Joey deploys machine learning models and watches them.", "joey");
  app.require_subcommand(1);
  joey::cli::AddServeCommand(app);
  joey::cli::AddEngineCommand(app);
  joey::cli::AddPluginCommand(app);
  joey::cli::AddUserCommand(app);
  joey::cli::AddTokenCommand(app);
  joey::cli::AddAdminCommands(app);
  app.add_subcommand("version", "Print the version")->callback([] {
    fmt::print("joey {}\n", joey::cli::kVersion);
  });
  CLI11_PARSE(app, argc, argv);
  return 0;
}
