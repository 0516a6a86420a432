// What a backup holds: `backup.json`, written last. A folder without it is no backup.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace joey::admin {

struct BackedUpFile {
  std::string path;  // below the backup
  std::int64_t bytes = 0;
  std::string sha256;
};

struct Manifest {
  std::string joey;             // version that made it
  std::int64_t created_at = 0;  // microseconds since 1970
  std::int64_t schema = 0;      // migrations that the metadata has seen
  std::vector<BackedUpFile> files;
};

// Writes it with a digest of its own.
Status WriteManifest(const std::string& backup, const Manifest& manifest);

// NotFound: no backup, or one that was not finished. DataLoss: damaged.
Result<Manifest> ReadManifest(const std::string& backup);

}  // namespace joey::admin
