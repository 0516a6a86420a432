// Copies of files whose content is known by its digest.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace joey::admin {

struct Copied {
  std::int64_t bytes = 0;
  std::string sha256;
};

// Copies at most `bytes_max` of `from` to the new file `to`, synced, readable by its owner only;
// directories are made. NotFound when `from` is gone.
Result<Copied> CopyFile(const std::string& from, const std::string& to, std::int64_t bytes_max);

}  // namespace joey::admin
