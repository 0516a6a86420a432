#include "store/installation.h"

#include <filesystem>
#include <string>
#include <system_error>

#include "base/files.h"
#include "base/random.h"

namespace joey {
namespace {

bool HasModels(const DataDirectory& directory) {
  std::error_code error;
  const std::filesystem::directory_iterator models(directory.models() + "/sha256", error);
  return !error && models != std::filesystem::directory_iterator();
}

}  // namespace

Status CheckInstallation(Database& database, const DataDirectory& directory) {
  const std::string file = directory.installation_file();
  Result<std::string> name = ReadFile(file, 256);
  if (!name.ok() && name.status().code() != Code::kNotFound) return name.status();
  const std::string of_files = name.ok() ? *name : "";
  const Status foreign = FailedPrecondition(
      "the metadata database does not belong to the data directory " + directory.root(),
      "name the directory and the database that were used together; joey backup and joey restore "
      "move both, also from one store to the other");
  return database.Write([&](Connection& connection) -> Status {
    std::string of_rows;
    JOEY_RETURN_IF_ERROR(connection.Query("SELECT id FROM installation", {},
                                          [&](const SqlRow& row) { of_rows = row.Text(0); }));
    if (!of_rows.empty()) return of_rows == of_files ? Status() : foreign;
    if (!of_files.empty() && HasModels(directory)) return foreign;
    of_rows = of_files.empty() ? NewUuid() : of_files;
    // The file first: when this is interrupted both are tried again.
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(file, of_rows));
    return connection.Run("INSERT INTO installation(id) VALUES (?)", {of_rows}).status();
  });
}

}  // namespace joey
