// One connection to the metadata store, SQLite or PostgreSQL, with prepared statements that are
// kept for its life.
//
// SQL is written once, in what both understand (src/store/README.md), as SQLite has it: parameters
// are `?` or `?1`, `?2` …; types are INTEGER, REAL and TEXT. The PostgreSQL side translates.
//
// Not thread-safe: a connection is used by one thread at a time; Database hands them out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "store/sql.h"

namespace joey {

class Connection {
 public:
  enum class Access { kRead, kWrite };

  virtual ~Connection() = default;

  // Runs statements without parameters, separated by semicolons. Not kept.
  virtual Status Script(const std::string& sql) = 0;

  // Runs one statement that returns no rows; the number of changed rows. After an error the
  // transaction can only be given up; kAlreadyExists is a constraint.
  virtual Result<std::int64_t> Run(std::string_view sql, SqlValues values = {}) = 0;

  // Calls `row` for every row. `row` must not use this connection.
  virtual Status Query(std::string_view sql, SqlValues values,
                       const std::function<void(const SqlRow&)>& row) = 0;

  // Like Run() for an INSERT into a table with an integer `id`; the id of the row.
  Result<std::int64_t> Insert(std::string_view sql, SqlValues values) {
    JOEY_ASSIGN_OR_RETURN(const auto id, QueryInt(std::string(sql) + " RETURNING id", values));
    return id.value_or(0);
  }

  // The integer of the first column of the first row; nullopt without a row or with NULL.
  Result<std::optional<std::int64_t>> QueryInt(std::string_view sql, SqlValues values = {}) {
    std::optional<std::int64_t> out;
    bool first = true;
    JOEY_RETURN_IF_ERROR(Query(sql, values, [&](const SqlRow& row) {
      if (first) out = row.OptionalInt(0);
      first = false;
    }));
    return out;
  }

  // Transactions, for Database. One that reads sees a snapshot; of those that write there is one at
  // a time in the whole store, whoever it belongs to, so that what it read stays true.
  virtual Status Begin(Access access) = 0;
  virtual Status Commit() = 0;
  virtual void Rollback() = 0;
  // It is of no use any more and has to be opened again.
  virtual bool lost() const { return false; }

  // How many migrations the store has seen; to be changed in the transaction of a migration.
  virtual Result<std::int64_t> SchemaVersion() = 0;
  virtual Status SetSchemaVersion(std::int64_t version) = 0;
  // Whether there are no tables at all.
  virtual Result<bool> IsEmpty() = 0;
  // Rows with ids of their own were put into `table`: the next new id comes after them.
  virtual Status ContinueIds(const std::string& table) = 0;
};

}  // namespace joey
