// What crosses between joey serve and libjoey_postgresql.so, which holds libpq.
#pragma once

#include <string>

#include "store/connection.h"

namespace joey {

// The library's only symbol. Null with `status` set when there is no connection to be had.
using PostgresqlOpen = Connection*(const std::string& url, Status& status);
inline constexpr char kPostgresqlOpen[] = "joey_open_postgresql";

}  // namespace joey
