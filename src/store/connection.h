// One SQLite connection with prepared statements that are kept for its life.
//
// Not thread-safe: a connection is used by one thread at a time; Database hands them out.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace joey {

// A parameter of a statement. Texts are copied.
class SqlValue {
 public:
  SqlValue(std::nullptr_t) : value_(nullptr) {}          // NOLINT(google-explicit-constructor)
  SqlValue(std::int64_t value) : value_(value) {}        // NOLINT(google-explicit-constructor)
  SqlValue(int value) : value_(std::int64_t{value}) {}   // NOLINT(google-explicit-constructor)
  SqlValue(bool value) : value_(std::int64_t{value}) {}  // NOLINT(google-explicit-constructor)
  SqlValue(double value) : value_(value) {}              // NOLINT(google-explicit-constructor)
  SqlValue(const char* value)
      : value_(std::string_view(value)) {}             // NOLINT(google-explicit-constructor)
  SqlValue(std::string_view value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  SqlValue(const std::string& value)                   // NOLINT(google-explicit-constructor)
      : value_(std::string_view(value)) {}
  template <typename T>
  SqlValue(const std::optional<T>& value)  // NOLINT(google-explicit-constructor)
      : SqlValue(value ? SqlValue(*value) : SqlValue(nullptr)) {}

  const auto& get() const { return value_; }

 private:
  std::variant<std::nullptr_t, std::int64_t, double, std::string_view> value_;
};

// The current row of a query; valid during the callback only.
class SqlRow {
 public:
  explicit SqlRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const;
  std::int64_t Int(int column) const;
  bool Bool(int column) const { return Int(column) != 0; }
  std::string Text(int column) const;
  std::optional<std::string> OptionalText(int column) const;
  std::optional<double> OptionalDouble(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };

  static Result<std::unique_ptr<Connection>> Open(const std::string& path, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements without parameters, separated by semicolons. Not kept.
  Status Script(const std::string& sql);

  // Runs one statement that returns no rows; the number of changed rows.
  Result<std::int64_t> Run(std::string_view sql, std::initializer_list<SqlValue> values = {});

  // Like Run() for an INSERT; the id of the new row.
  Result<std::int64_t> Insert(std::string_view sql, std::initializer_list<SqlValue> values);

  // Calls `row` for every row. `row` must not use this connection.
  Status Query(std::string_view sql, std::initializer_list<SqlValue> values,
               const std::function<void(const SqlRow&)>& row);

  // The integer of the first column of the first row; nullopt without a row or with NULL.
  Result<std::optional<std::int64_t>> QueryInt(std::string_view sql,
                                               std::initializer_list<SqlValue> values = {});

 private:
  struct Statements;
  explicit Connection(sqlite3* handle);
  Result<sqlite3_stmt*> Prepare(std::string_view sql, std::initializer_list<SqlValue> values);
  Status ErrorOf(int code, std::string_view sql) const;

  sqlite3* handle_;
  std::unique_ptr<Statements> statements_;
};

}  // namespace joey
