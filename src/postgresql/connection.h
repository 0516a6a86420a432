// The PostgreSQL side of Connection, over libpq. Part of libjoey_postgresql.so.
#pragma once

#include <memory>
#include <string>

#include "store/connection.h"

namespace joey::postgresql {

// `url` is a libpq URL; what it does not say comes from PGPASSWORD, PGPASSFILE and so on.
Result<std::unique_ptr<Connection>> Open(const std::string& url);

}  // namespace joey::postgresql
