// The SQLite side of Connection: one file in WAL mode (docs/adr/0003).
#pragma once

#include <memory>
#include <string>

#include "store/connection.h"

namespace joey {

// For kWrite the file is made when it is missing. ":memory:" is a database that ends with it.
Result<std::unique_ptr<Connection>> OpenSqlite(const std::string& path, Connection::Access access);

}  // namespace joey
