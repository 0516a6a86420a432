// Which data directory a metadata database belongs to.
#pragma once

#include "base/status.h"
#include "store/data_directory.h"
#include "store/database.h"

namespace joey {

// The first start gives both the same name. FailedPrecondition when they were not made together:
// rows without their model files, or files without their rows, look like lost data.
Status CheckInstallation(Database& database, const DataDirectory& directory);

}  // namespace joey
