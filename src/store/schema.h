// The schema of the metadata database, as the ordered list of its migrations.
// A migration that was released is never changed; a new need is a new migration at the end.
#pragma once

#include <span>

#include "store/database.h"

namespace joey {

std::span<const Migration> MetadataMigrations();

}  // namespace joey
