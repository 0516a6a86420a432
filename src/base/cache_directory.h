// Where Joey keeps what it fetched and can fetch again.
#pragma once

#include <string>

#include "base/status.h"

namespace joey {

// $JOEY_CACHE, else joey in $XDG_CACHE_HOME or in ~/.cache. Not made here.
Result<std::string> CacheDirectory();

}  // namespace joey
