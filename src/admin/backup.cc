#include "admin/backup.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "admin/copy.h"
#include "admin/manifest.h"
#include "admin/metadata_dump.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/sha256.h"

namespace joey::admin {

namespace fs = std::filesystem;

namespace {

constexpr char kMetadataFile[] = "metadata.jsonl";
constexpr std::size_t kDamagedNamedMax = 5;
constexpr std::int64_t kWhole = std::numeric_limits<std::int64_t>::max();

// Like WriteAll() to a file that grows, with its digest.
class DigestedFile {
 public:
  explicit DigestedFile(std::string path) : path_(std::move(path)) {}

  Status Add(std::string_view line) {
    text_.append(line);
    text_ += '\n';
    return {};
  }
  Result<Copied> Finish() {
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(path_, text_));
    return Copied{static_cast<std::int64_t>(text_.size()), Sha256::Hex(text_)};
  }

 private:
  const std::string path_;
  std::string text_;
};

std::string MetadataLocation(const std::string& metadata, const std::string& data) {
  return metadata.empty() ? data + "/joey.db" : metadata;
}

// A directory that does not exist or has nothing in it; absolute.
Result<std::string> NewDirectory(const std::string& path, const std::string& what) {
  std::error_code error;
  std::string absolute = fs::absolute(path, error).lexically_normal().string();
  if (path.empty() || error) return InvalidArgument("'" + path + "' is no directory path");
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  if (fs::exists(absolute, error)) {
    if (!fs::is_directory(absolute, error) || !fs::is_empty(absolute, error) || error) {
      return FailedPrecondition(what + " " + absolute + " is not empty",
                                "name a directory that is new or empty");
    }
  }
  return absolute;
}

// The regular files below `root`/`inside`, as paths below `root`, in order.
Result<std::vector<std::string>> FilesBelow(const std::string& root, const std::string& inside) {
  std::vector<std::string> out;
  std::error_code error;
  if (!fs::exists(root + "/" + inside, error)) return out;
  for (fs::recursive_directory_iterator it(root + "/" + inside, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_symlink(error) || !it->is_regular_file(error)) continue;
    out.push_back(fs::relative(it->path(), root, error).string());
  }
  if (error) return FileError("list", root + "/" + inside, error.value());
  std::sort(out.begin(), out.end());
  return out;
}

class Backup {
 public:
  Backup(const BackupOptions& options, std::string directory)
      : options_(options), directory_(std::move(directory)) {}

  Result<BackupSummary> Make(std::span<const Migration> migrations) {
    const std::string location = MetadataLocation(options_.metadata, options_.data);
    std::error_code error;
    if (!fs::exists(options_.data + "/secrets", error) ||
        (options_.metadata.empty() && !fs::exists(location, error))) {
      return NotFound("there is no data of joey serve in " + options_.data,
                      "name the directory with --data, and --metadata if joey serve has one");
    }
    JOEY_ASSIGN_OR_RETURN(const auto database, Database::OpenAsItIs(location));
    JOEY_RETURN_IF_ERROR(MakeDirectories(directory_));
    manifest_.joey = options_.joey;
    manifest_.created_at = NowMicros();
    // Logs first: each belongs to a pipeline that the metadata then knows. They grow meanwhile at
    // their ends only, and a block that is copied in part is cut off when the log is opened.
    JOEY_RETURN_IF_ERROR(CopyBelow("logs"));
    DigestedFile dump(directory_ + "/" + kMetadataFile);
    JOEY_ASSIGN_OR_RETURN(
        manifest_.schema,
        DumpMetadata(*database, migrations, [&](std::string_view line) { return dump.Add(line); }));
    JOEY_ASSIGN_OR_RETURN(Copied written, dump.Finish());
    Add(kMetadataFile, std::move(written));
    // Model files are never changed or removed: all of the snapshot's are there.
    JOEY_RETURN_IF_ERROR(CopyBelow("models/sha256"));
    JOEY_RETURN_IF_ERROR(CopyBelow("secrets"));
    JOEY_RETURN_IF_ERROR(WriteManifest(directory_, manifest_));
    return summary_;
  }

 private:
  Status CopyBelow(const std::string& inside) {
    JOEY_ASSIGN_OR_RETURN(const auto files, FilesBelow(options_.data, inside));
    for (const std::string& file : files) {
      const std::string from = options_.data + "/" + file;
      Result<Copied> copied = CopyFile(from, directory_ + "/" + file, kWhole);
      if (copied.status().code() == Code::kNotFound) continue;  // a temporary file
      if (!copied.ok()) return copied.status();
      if (inside == "models/sha256" && fs::path(file).filename() != copied->sha256) {
        return {Code::kDataLoss,
                "the model file " + from + " is damaged: its digest is " + copied->sha256,
                "restore it from an earlier backup, or upload the model again"};
      }
      Add(file, std::move(*copied));
    }
    return {};
  }

  void Add(const std::string& path, Copied copied) {
    ++summary_.files;
    summary_.bytes += copied.bytes;
    manifest_.files.push_back({path, copied.bytes, std::move(copied.sha256)});
  }

  const BackupOptions& options_;
  const std::string directory_;
  Manifest manifest_;
  BackupSummary summary_;
};

// Copies all files of the backup and compares them; DataLoss with the names of those that differ.
Result<BackupSummary> CopyBack(const std::string& backup, const Manifest& manifest,
                               const std::string& to) {
  BackupSummary summary;
  std::vector<std::string> damaged;
  for (const BackedUpFile& file : manifest.files) {
    const Result<Copied> copied = CopyFile(backup + "/" + file.path, to + "/" + file.path, kWhole);
    if (!copied.ok() && copied.status().code() != Code::kNotFound) return copied.status();
    if (!copied.ok()) {
      damaged.push_back(file.path + " is missing");
    } else if (copied->bytes != file.bytes || copied->sha256 != file.sha256) {
      damaged.push_back(file.path + " has another content");
    }
    ++summary.files;
    summary.bytes += file.bytes;
  }
  if (damaged.empty()) return summary;
  std::string names;
  for (std::size_t i = 0; i < std::min(damaged.size(), kDamagedNamedMax); ++i) {
    names += (i == 0 ? "" : ", ") + damaged[i];
  }
  if (damaged.size() > kDamagedNamedMax) {
    names += " and " + std::to_string(damaged.size() - kDamagedNamedMax) + " more";
  }
  return Status(Code::kDataLoss, "the backup " + backup + " is damaged: " + names,
                "nothing was restored; use another backup");
}

// Removes the directory unless it was kept.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::string& path() const { return path_; }
  Status Keep(const std::string& as) {
    std::error_code error;
    fs::remove(as, error);  // when it is there it is empty
    fs::rename(path_, as, error);
    if (error) return FileError("rename to", as, error.value());
    path_.clear();
    return SyncDirectory(fs::path(as).parent_path().string());
  }

 private:
  std::string path_;
};

}  // namespace

Result<BackupSummary> MakeBackup(const BackupOptions& options,
                                 std::span<const Migration> migrations) {
  JOEY_ASSIGN_OR_RETURN(std::string directory,
                        NewDirectory(options.directory, "the directory of the backup"));
  return Backup(options, std::move(directory)).Make(migrations);
}

Result<BackupSummary> RestoreBackup(const BackupOptions& options,
                                    std::span<const Migration> migrations) {
  JOEY_ASSIGN_OR_RETURN(const std::string data, NewDirectory(options.data, "the data directory"));
  JOEY_ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(options.directory));
  Unfinished made(data + ".restoring");
  std::error_code error;
  fs::remove_all(made.path(), error);  // of a restore that was killed
  JOEY_RETURN_IF_ERROR(MakeDirectories(made.path()));
  JOEY_ASSIGN_OR_RETURN(const BackupSummary summary,
                        CopyBack(options.directory, manifest, made.path()));
  const std::string dump = made.path() + "/" + kMetadataFile;
  {
    JOEY_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(dump));
    JOEY_RETURN_IF_ERROR(LoadMetadata(MetadataLocation(options.metadata, made.path()), migrations,
                                      manifest.schema, mapped.bytes()));
  }
  fs::remove(dump, error);
  JOEY_RETURN_IF_ERROR(made.Keep(data));
  return summary;
}

}  // namespace joey::admin
