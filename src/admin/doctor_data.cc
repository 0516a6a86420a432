// The data directory, its disk and the metadata.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "admin/doctor.h"
#include "store/database.h"
#include "store/schema.h"

namespace joey::admin {

namespace fs = std::filesystem;

namespace {

constexpr double kGiB = 1 << 30;
constexpr double kFreeBytesMin = kGiB / 4;  // an engine's spool and a model need as much
constexpr double kFreeBytesGood = 5 * kGiB;

// The directory itself, or the nearest one above it that exists.
std::string NearestExisting(const std::string& path) {
  std::error_code error;
  fs::path at = fs::absolute(path, error).lexically_normal();
  while (!fs::exists(at, error) && at.has_relative_path()) at = at.parent_path();
  return at.string();
}

void ExamineDirectory(const std::string& data, Findings& findings) {
  constexpr char kAbout[] = "data directory";
  struct stat status {};
  if (::stat(data.c_str(), &status) != 0) {
    const int why = errno;
    const std::string above = NearestExisting(data);
    if (why != ENOENT || ::access(above.c_str(), W_OK | X_OK) != 0) {
      findings.push_back({Level::kProblem, kAbout,
                          data + " does not exist and cannot be made in " + above + ": " +
                              std::strerror(why == ENOENT ? EACCES : why),
                          "make it and give it to the user joey runs as, or name another --data"});
    } else {
      findings.push_back({Level::kFine, kAbout, data + " will be made at the first start"});
    }
    return;
  }
  if (!S_ISDIR(status.st_mode)) {
    findings.push_back(
        {Level::kProblem, kAbout, data + " is not a directory", "name a directory with --data"});
  } else if (::access(data.c_str(), R_OK | W_OK | X_OK) != 0) {
    findings.push_back({Level::kProblem, kAbout,
                        fmt::format("user {} may not write to {}", ::geteuid(), data),
                        "run joey as its owner, or: chown -R USER " + data});
  } else if ((status.st_mode & 0077) != 0) {
    findings.push_back(
        {Level::kWarning, kAbout,
         fmt::format("{} is open to other users of the machine (mode {:03o}); it holds secrets",
                     data, status.st_mode & 0777),
         "chmod 700 " + data});
  } else {
    findings.push_back({Level::kFine, kAbout, data});
  }
}

void ExamineDisk(const std::string& data, Findings& findings) {
  constexpr char kAbout[] = "disk space";
  const std::string where = NearestExisting(data);
  struct statvfs disk {};
  if (::statvfs(where.c_str(), &disk) != 0) {
    findings.push_back({Level::kProblem, kAbout, where + ": " + std::strerror(errno),
                        "see that the disk is mounted"});
    return;
  }
  const double bytes = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  const std::string message = fmt::format("{:.1f} GiB free for {}", bytes / kGiB, where);
  if (disk.f_files > 0 && disk.f_favail == 0) {
    findings.push_back({Level::kProblem, kAbout, "no file can be made any more in " + where,
                        "remove files, or use a disk with more inodes"});
  } else if (bytes < kFreeBytesMin) {
    findings.push_back({Level::kProblem, kAbout, message,
                        "free some: inferences are refused when their log cannot be kept"});
  } else if (bytes < kFreeBytesGood) {
    findings.push_back({Level::kWarning, kAbout, message, "free some before it runs out"});
  } else {
    findings.push_back({Level::kFine, kAbout, message});
  }
}

void ExamineMetadata(const DoctorOptions& options, Findings& findings) {
  constexpr char kAbout[] = "metadata";
  const bool server = IsPostgresql(options.metadata);
  const std::string location =
      server || !options.metadata.empty() ? options.metadata : options.data + "/joey.db";
  const std::string name = WithoutPassword(location);
  std::error_code error;
  if (options.metadata.empty() && !fs::exists(location, error)) {
    findings.push_back({Level::kFine, kAbout, "SQLite, made at the first start"});
    return;
  }
  std::int64_t version = 0;
  const auto look = [&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(version, connection.SchemaVersion());
    return {};
  };
  auto database = Database::OpenAsItIs(location);
  const Status status = database.ok() ? (*database)->Read(look) : database.status();
  const auto known = static_cast<std::int64_t>(MetadataMigrations().size());
  if (!status.ok()) {
    findings.push_back({Level::kProblem, kAbout, name + ": " + status.message(), status.hint()});
  } else if (version > known) {
    findings.push_back({Level::kProblem, kAbout,
                        fmt::format("{} was changed by a newer joey (schema {}, this one knows {})",
                                    name, version, known),
                        "use the newer joey"});
  } else if (version < known) {
    findings.push_back({Level::kFine, kAbout,
                        fmt::format("{} will be brought from schema {} to {} at the next start",
                                    name, version, known)});
  } else {
    findings.push_back({Level::kFine, kAbout, fmt::format("{} (schema {})", name, version)});
  }
}

}  // namespace

void ExamineData(const DoctorOptions& options, Findings& findings) {
  ExamineDirectory(options.data, findings);
  ExamineDisk(options.data, findings);
  ExamineMetadata(options, findings);
}

}  // namespace joey::admin
