#include "cli/admin.h"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

#include "admin/backup.h"
#include "admin/doctor.h"
#include "cli/version.h"
#include "store/schema.h"

namespace joey::cli {
namespace {

constexpr int kExitFailed = 1;

struct Arguments {
  std::string data = "./joey-data";
  std::string metadata;
  std::string listen = "127.0.0.1:8080";
  std::string directory;
  bool json = false;

  admin::BackupOptions Backup() const { return {data, metadata, directory, kVersion}; }
};

// The options with which joey serve is started as well.
void AddStoreOptions(CLI::App* command, Arguments& arguments) {
  command->add_option("--data", arguments.data, "The data directory of joey serve")
      ->capture_default_str();
  command
      ->add_option("--metadata", arguments.metadata,
                   "postgresql://USER@HOST/DATABASE, if joey serve is given it")
      ->envname("JOEY_METADATA");
}

int Report(const char* what, const std::string& directory,
           const Result<admin::BackupSummary>& done) {
  if (!done.ok()) {
    fmt::print(stderr, "joey: {}\n", done.status().ToString());
    return kExitFailed;
  }
  fmt::print("{} {}: {} files, {:.1f} MiB\n", what, directory, done->files,
             static_cast<double>(done->bytes) / (1 << 20));
  return 0;
}

int Doctor(const Arguments& arguments) {
  // Its own words only: what libraries say goes to stderr.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("joey"));
  const admin::Findings findings =
      admin::Examine({arguments.data, arguments.metadata, arguments.listen, kVersion});
  fmt::print("{}", arguments.json ? admin::AsJson(findings) : admin::AsText(findings));
  return admin::HasProblem(findings) ? kExitFailed : 0;
}

}  // namespace

void AddAdminCommands(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();

  CLI::App* backup = app.add_subcommand("backup", "Copy everything, while joey serve runs or not");
  backup->add_option("directory", arguments->directory, "A new or empty directory")->required();
  AddStoreOptions(backup, *arguments);
  backup->callback([arguments] {
    throw CLI::RuntimeError(Report("the backup is in", arguments->directory,
                                   admin::MakeBackup(arguments->Backup(), MetadataMigrations())));
  });

  CLI::App* restore = app.add_subcommand("restore", "Put a backup into an empty data directory");
  restore->add_option("directory", arguments->directory, "What joey backup has made")->required();
  AddStoreOptions(restore, *arguments);
  restore->callback([arguments] {
    throw CLI::RuntimeError(
        Report("restored to", arguments->data,
               admin::RestoreBackup(arguments->Backup(), MetadataMigrations())));
  });

  CLI::App* doctor = app.add_subcommand("doctor", "Say what is wrong and what to do about it");
  AddStoreOptions(doctor, *arguments);
  doctor->add_option("--listen", arguments->listen, "The address of joey serve")
      ->capture_default_str();
  doctor->add_flag("--json", arguments->json, "Answer as JSON");
  doctor->callback([arguments] { throw CLI::RuntimeError(Doctor(*arguments)); });
}

}  // namespace joey::cli
