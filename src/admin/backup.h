// A copy of everything Joey keeps, made while it runs, and the way back (docs/operations.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "store/database.h"

namespace joey::admin {

struct BackupOptions {
  std::string data;       // the data directory
  std::string metadata;   // postgresql://…; empty: SQLite in the data directory
  std::string directory;  // of the backup
  std::string joey;       // version of this joey
};

struct BackupSummary {
  std::int64_t files = 0;
  std::int64_t bytes = 0;
};

// Makes a backup in a directory that is new or empty, beside a joey serve that may run or not: log
// rows up to its beginning, then one snapshot of the metadata, the model files of it and the
// secrets. On failure no backup is left, only files without backup.json.
Result<BackupSummary> MakeBackup(const BackupOptions& options,
                                 std::span<const Migration> migrations);

// Puts it back into a data directory that is new or empty and, with `metadata`, into a database
// without tables. Every file is compared with its digest first. Nothing is left on failure.
Result<BackupSummary> RestoreBackup(const BackupOptions& options,
                                    std::span<const Migration> migrations);

}  // namespace joey::admin
