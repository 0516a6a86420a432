// A lock between processes: of a file that is made for it.
#pragma once

#include <functional>
#include <string>

#include "base/files.h"
#include "base/status.h"

namespace joey {

// Waits for the exclusive lock of `path`, which is made when it is missing. Held until the
// descriptor is closed or the process ends. `stopped` is asked ten times a second: what it answers
// but ok ends the waiting.
Result<UniqueFd> LockFile(const std::string& path, const std::function<Status()>& stopped);

}  // namespace joey
