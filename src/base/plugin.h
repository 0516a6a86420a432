// Parts of Joey that only some engines need, in libraries of their own beside the program.
#pragma once

#include <string>

#include "base/status.h"

namespace joey {

// The function `symbol` of lib<name>.so, which lies in the program's folder or in ../lib/joey
// beside it. The library stays open until the process ends. Its symbols stay its own: it shares
// with the program what it is called with, and libraries that both link.
// kFailedPrecondition, with `hint`: there is no such library, it needs one that is missing, or it
// is of another build.
Result<void*> OpenPlugin(const std::string& name, const std::string& symbol,
                         const std::string& hint);

}  // namespace joey
