#include "store/connection.h"

#include <sqlite3.h>

#include <unordered_map>

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

}  // namespace

bool SqlRow::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t SqlRow::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string SqlRow::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return "";
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<std::string> SqlRow::OptionalText(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Text(column);
}

std::optional<double> SqlRow::OptionalDouble(int column) const {
  if (IsNull(column)) return std::nullopt;
  return sqlite3_column_double(statement_, column);
}

struct Connection::Statements {
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> by_text;
};

Connection::Connection(sqlite3* handle)
    : handle_(handle), statements_(std::make_unique<Statements>()) {}

Connection::~Connection() {
  statements_.reset();
  sqlite3_close_v2(handle_);
}

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path, Mode mode) {
  sqlite3* handle = nullptr;
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(handle));
  if (code != SQLITE_OK) return connection->ErrorOf(code, "open " + path);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyMillisecondsMax);
  // The file is ours, but a copied or damaged one must not make SQLite run what its schema says.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  JOEY_RETURN_IF_ERROR(connection->Script("PRAGMA foreign_keys = ON"));
  return connection;
}

Status Connection::Script(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status() : ErrorOf(code, sql);
}

Result<sqlite3_stmt*> Connection::Prepare(std::string_view sql,
                                          std::initializer_list<SqlValue> values) {
  std::string key(sql);
  auto found = statements_->by_text.find(key);
  if (found == statements_->by_text.end()) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, key.c_str(), static_cast<int>(key.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return ErrorOf(code, sql);
    found = statements_->by_text.emplace(std::move(key), statement).first;
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

Result<std::int64_t> Connection::Run(std::string_view sql, std::initializer_list<SqlValue> values) {
  JOEY_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql, values));
  ResetGuard guard(statement);
  int code = sqlite3_step(statement);
  while (code == SQLITE_ROW) code = sqlite3_step(statement);
  if (code != SQLITE_DONE) return ErrorOf(code, sql);
  return sqlite3_changes64(handle_);
}

Result<std::int64_t> Connection::Insert(std::string_view sql,
                                        std::initializer_list<SqlValue> values) {
  JOEY_RETURN_IF_ERROR(Run(sql, values).status());
  return sqlite3_last_insert_rowid(handle_);
}

Status Connection::Query(std::string_view sql, std::initializer_list<SqlValue> values,
                         const std::function<void(const SqlRow&)>& row) {
  JOEY_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql, values));
  ResetGuard guard(statement);
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return ErrorOf(code, sql);
    row(SqlRow(statement));
  }
}

Result<std::optional<std::int64_t>> Connection::QueryInt(std::string_view sql,
                                                         std::initializer_list<SqlValue> values) {
  std::optional<std::int64_t> out;
  bool first = true;
  JOEY_RETURN_IF_ERROR(Query(sql, values, [&](const SqlRow& row) {
    if (first && !row.IsNull(0)) out = row.Int(0);
    first = false;
  }));
  return out;
}

Status Connection::ErrorOf(int code, std::string_view sql) const {
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
              "restore the file joey.db of the data directory from a backup"};
    default:
      return Internal(message).WithContext(sql.substr(0, 200));
  }
}

}  // namespace joey
