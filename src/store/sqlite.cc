#include "store/sqlite.h"

#include <sqlite3.h>

#include <unordered_map>
#include <utility>

namespace joey {
namespace {

constexpr int kBusyMillisecondsMax = 10000;  // another process, e.g. a backup, holds the lock

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

int Bind(sqlite3_stmt* statement, int index, const SqlValue& value) {
  struct Visitor {
    sqlite3_stmt* statement;
    int index;
    int operator()(std::nullptr_t) const { return sqlite3_bind_null(statement, index); }
    int operator()(std::int64_t number) const {
      return sqlite3_bind_int64(statement, index, number);
    }
    int operator()(double number) const { return sqlite3_bind_double(statement, index, number); }
    int operator()(std::string_view text) const {
      return sqlite3_bind_text64(statement, index, text.empty() ? "" : text.data(), text.size(),
                                 SQLITE_TRANSIENT, SQLITE_UTF8);
    }
  };
  return std::visit(Visitor{statement, index}, value.get());
}

// Leaves the statement ready for its next use, whatever happened.
class ResetGuard {
 public:
  explicit ResetGuard(sqlite3_stmt* statement) : statement_(statement) {}
  ~ResetGuard() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  ResetGuard(const ResetGuard&) = delete;
  ResetGuard& operator=(const ResetGuard&) = delete;

 private:
  sqlite3_stmt* statement_;
};

class Row final : public SqlRow {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t Int(int column) const override { return sqlite3_column_int64(statement_, column); }
  double Double(int column) const override { return sqlite3_column_double(statement_, column); }
  std::string Text(int column) const override {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (text == nullptr) return "";
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(sqlite3* handle) : handle_(handle) {}
  ~SqliteConnection() override {
    statements_.clear();
    sqlite3_close_v2(handle_);
  }

  Status Configure(Access access) {
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, kBusyMillisecondsMax);
    // The file is ours, but a copied or damaged one must not make SQLite run what its schema says.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    JOEY_RETURN_IF_ERROR(Script("PRAGMA foreign_keys = ON"));
    if (access == Access::kRead) return {};
    return Script("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  }

  Status Script(const std::string& sql) override {
    const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
    return code == SQLITE_OK ? Status() : ErrorOf(code, sql);
  }

  Result<std::int64_t> Run(std::string_view sql, SqlValues values) override {
    JOEY_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql, values));
    ResetGuard guard(statement);
    int code = sqlite3_step(statement);
    while (code == SQLITE_ROW) code = sqlite3_step(statement);
    if (code != SQLITE_DONE) return ErrorOf(code, sql);
    return sqlite3_changes64(handle_);
  }

  Status Query(std::string_view sql, SqlValues values,
               const std::function<void(const SqlRow&)>& row) override {
    JOEY_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql, values));
    ResetGuard guard(statement);
    for (;;) {
      const int code = sqlite3_step(statement);
      if (code == SQLITE_DONE) return {};
      if (code != SQLITE_ROW) return ErrorOf(code, sql);
      row(Row(statement));
    }
  }

  Status Begin(Access access) override {
    return Run(access == Access::kRead ? "BEGIN" : "BEGIN IMMEDIATE", {}).status();
  }
  Status Commit() override { return Run("COMMIT", {}).status(); }
  void Rollback() override { (void)Run("ROLLBACK", {}); }

  Result<std::int64_t> SchemaVersion() override {
    JOEY_ASSIGN_OR_RETURN(const auto version, QueryInt("PRAGMA user_version"));
    return version.value_or(0);
  }
  Status SetSchemaVersion(std::int64_t version) override {
    return Script("PRAGMA user_version = " + std::to_string(version));
  }
  Result<bool> IsEmpty() override {
    JOEY_ASSIGN_OR_RETURN(const auto tables, QueryInt("SELECT count(*) FROM sqlite_schema"));
    return tables.value_or(0) == 0;
  }
  Status ContinueIds(const std::string&) override { return {}; }  // SQLite counts them as they come

  Status ErrorOf(int code, std::string_view sql) const {
    const std::string message =
        "metadata database: " + std::string(handle_ ? sqlite3_errmsg(handle_) : "out of memory") +
        " (" + sqlite3_errstr(code) + ")";
    switch (code & 0xff) {
      case SQLITE_CONSTRAINT:
        return AlreadyExists(message);
      case SQLITE_FULL:
        return ResourceExhausted(message, "free disk space and try again");
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        return Unavailable(message, "try again");
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        return {Code::kDataLoss, message,
                "restore a backup with joey restore (docs/operations.md)"};
      default:
        return Internal(message).WithContext(sql.substr(0, 200));
    }
  }

 private:
  Result<sqlite3_stmt*> Prepare(std::string_view sql, SqlValues values) {
    std::string key(sql);
    auto found = statements_.find(key);
    if (found == statements_.end()) {
      sqlite3_stmt* statement = nullptr;
      const int code = sqlite3_prepare_v3(handle_, key.c_str(), static_cast<int>(key.size()),
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
      if (code != SQLITE_OK) return ErrorOf(code, sql);
      found = statements_.emplace(std::move(key), statement).first;
    }
    sqlite3_stmt* statement = found->second.get();
    int index = 0;
    for (const SqlValue& value : values) {
      const int code = Bind(statement, ++index, value);
      if (code != SQLITE_OK) {
        sqlite3_clear_bindings(statement);
        return ErrorOf(code, sql);
      }
    }
    return statement;
  }

  sqlite3* handle_;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

}  // namespace

Result<std::unique_ptr<Connection>> OpenSqlite(const std::string& path, Connection::Access access) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | (access == Connection::Access::kRead
                                               ? SQLITE_OPEN_READONLY
                                               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  auto connection = std::make_unique<SqliteConnection>(handle);
  if (code != SQLITE_OK) return connection->ErrorOf(code, "open " + path);
  JOEY_RETURN_IF_ERROR(connection->Configure(access));
  return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace joey
