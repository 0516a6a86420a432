// All rows of the metadata store as text, the same for SQLite and PostgreSQL.
//
// JSON lines, in an order in which foreign keys hold: a table with its columns, then its rows as
// arrays: {"table": "user", "columns": ["id", "email"]}, ["…", "…"], …
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "store/database.h"

namespace joey::admin {

using WriteLine = std::function<Status(std::string_view line)>;

// Writes every row, out of one snapshot; the number of migrations the store has seen.
// FailedPrecondition when these are more than `migrations`.
Result<std::int64_t> DumpMetadata(Database& database, std::span<const Migration> migrations,
                                  const WriteLine& write);

// Puts the rows into an empty store at `location` that has seen the first `version` of the
// migrations, and then brings it up to date. FailedPrecondition when it has tables already.
Status LoadMetadata(const std::string& location, std::span<const Migration> migrations,
                    std::int64_t version, std::string_view dump);

}  // namespace joey::admin
