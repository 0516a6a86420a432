// What goes into a statement and what comes out of it, the same for every store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace joey {

// A parameter of a statement. Borrows texts, which are UTF-8 without NUL. An empty optional is a
// NULL that has the type of what it could hold.
class SqlValue {
 public:
  enum class Type { kUnknown, kInteger, kReal, kText };

  SqlValue(std::nullptr_t) : value_(nullptr) {}  // NOLINT(google-explicit-constructor)
  SqlValue(std::int64_t value)                   // NOLINT(google-explicit-constructor)
      : value_(value), type_(Type::kInteger) {}
  SqlValue(int value) : SqlValue(std::int64_t{value}) {}   // NOLINT(google-explicit-constructor)
  SqlValue(bool value) : SqlValue(std::int64_t{value}) {}  // NOLINT(google-explicit-constructor)
  SqlValue(double value)                                   // NOLINT(google-explicit-constructor)
      : value_(value), type_(Type::kReal) {}
  SqlValue(std::string_view value)  // NOLINT(google-explicit-constructor)
      : value_(value), type_(Type::kText) {}
  SqlValue(const char* value)  // NOLINT(google-explicit-constructor)
      : SqlValue(std::string_view(value)) {}
  SqlValue(const std::string& value)  // NOLINT(google-explicit-constructor)
      : SqlValue(std::string_view(value)) {}
  template <typename T>
  SqlValue(const std::optional<T>& value)  // NOLINT(google-explicit-constructor)
      : SqlValue(value ? SqlValue(*value) : Null(SqlValue(T()).type_)) {}

  static SqlValue Null(Type type) {
    SqlValue out(nullptr);
    out.type_ = type;
    return out;
  }

  const auto& get() const { return value_; }
  Type type() const { return type_; }

 private:
  std::variant<std::nullptr_t, std::int64_t, double, std::string_view> value_;
  Type type_ = Type::kUnknown;
};

// The parameters of a statement, in order: `{1, "a"}`, or a vector. Borrows them for the call.
class SqlValues {
 public:
  SqlValues() = default;
  SqlValues(std::initializer_list<SqlValue> values) : size_(values.size()) {
    data_ = values.begin();  // here, or gcc warns that it is only borrowed
  }
  SqlValues(const std::vector<SqlValue>& values)  // NOLINT(google-explicit-constructor)
      : data_(values.data()), size_(values.size()) {}

  const SqlValue* begin() const { return data_; }
  const SqlValue* end() const { return data_ + size_; }
  std::size_t size() const { return size_; }

 private:
  const SqlValue* data_ = nullptr;
  std::size_t size_ = 0;
};

// The current row of a query; valid during the callback only.
class SqlRow {
 public:
  virtual ~SqlRow() = default;
  virtual bool IsNull(int column) const = 0;
  virtual std::int64_t Int(int column) const = 0;
  virtual double Double(int column) const = 0;
  virtual std::string Text(int column) const = 0;

  bool Bool(int column) const { return Int(column) != 0; }
  std::optional<std::int64_t> OptionalInt(int column) const {
    if (IsNull(column)) return std::nullopt;
    return Int(column);
  }
  std::optional<double> OptionalDouble(int column) const {
    if (IsNull(column)) return std::nullopt;
    return Double(column);
  }
  std::optional<std::string> OptionalText(int column) const {
    if (IsNull(column)) return std::nullopt;
    return Text(column);
  }
};

}  // namespace joey
