// Status and Result<T>: how every layer reports what went wrong.
//
// A Status is a canonical code, a message that says what was wrong, and a hint that says what to do
// next. Nothing throws across a module or thread edge: code that calls a throwing library catches
// at that call and returns a Status.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace joey {

enum class Code {
  kOk,
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,
  kOutOfRange,
  kResourceExhausted,
  kPayloadTooLarge,
  kUnsupportedMediaType,
  kUnauthenticated,
  kPermissionDenied,
  kUnimplemented,
  kDeadlineExceeded,
  kUnavailable,
  kDataLoss,
  kInternal,
};

// "invalid_argument", "not_found" …: the word used in error bodies and logs.
std::string_view CodeName(Code code);

// The one mapping from codes to HTTP statuses.
int HttpStatus(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(Code code, std::string message, std::string hint = "")
      : state_(std::make_unique<State>(State{code, std::move(message), std::move(hint)})) {}
  Status(const Status& other)
      : state_(other.state_ ? std::make_unique<State>(*other.state_) : nullptr) {}
  Status(Status&&) = default;
  Status& operator=(Status other) {
    state_ = std::move(other.state_);
    return *this;
  }

  bool ok() const { return state_ == nullptr; }
  Code code() const { return state_ ? state_->code : Code::kOk; }
  const std::string& message() const;
  const std::string& hint() const;

  // "message (hint)", for logs and terminals.
  std::string ToString() const;

  // The same status with `context: ` before its message.
  Status WithContext(std::string_view context) const;

 private:
  struct State {
    Code code;
    std::string message;
    std::string hint;
  };
  std::unique_ptr<State> state_;
};

inline Status InvalidArgument(std::string message, std::string hint = "") {
  return {Code::kInvalidArgument, std::move(message), std::move(hint)};
}
inline Status NotFound(std::string message, std::string hint = "") {
  return {Code::kNotFound, std::move(message), std::move(hint)};
}
inline Status AlreadyExists(std::string message, std::string hint = "") {
  return {Code::kAlreadyExists, std::move(message), std::move(hint)};
}
inline Status FailedPrecondition(std::string message, std::string hint = "") {
  return {Code::kFailedPrecondition, std::move(message), std::move(hint)};
}
inline Status ResourceExhausted(std::string message, std::string hint = "") {
  return {Code::kResourceExhausted, std::move(message), std::move(hint)};
}
inline Status Unavailable(std::string message, std::string hint = "") {
  return {Code::kUnavailable, std::move(message), std::move(hint)};
}
inline Status Internal(std::string message, std::string hint = "") {
  return {Code::kInternal, std::move(message), std::move(hint)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : value_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  const Status& status() const {
    static const Status kOkStatus;
    return ok() ? kOkStatus : std::get<Status>(value_);
  }

  // Only when ok().
  T& value() & { return std::get<T>(value_); }
  const T& value() const& { return std::get<T>(value_); }
  T&& value() && { return std::get<T>(std::move(value_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<Status, T> value_;
};

}  // namespace joey

#define JOEY_CONCAT_(a, b) a##b
#define JOEY_CONCAT(a, b) JOEY_CONCAT_(a, b)

// A counter instead of the line: `expr` may hold a lambda that uses the macro as well.
#define JOEY_RETURN_IF_ERROR(expr) \
  JOEY_RETURN_IF_ERROR_(JOEY_CONCAT(joey_status_, __COUNTER__), expr)
#define JOEY_RETURN_IF_ERROR_(status, expr)                          \
  do {                                                               \
    if (::joey::Status status = (expr); !status.ok()) return status; \
  } while (0)

#define JOEY_ASSIGN_OR_RETURN(lhs, expr) \
  JOEY_ASSIGN_OR_RETURN_(JOEY_CONCAT(joey_result_, __LINE__), lhs, expr)
#define JOEY_ASSIGN_OR_RETURN_(result, lhs, expr) \
  auto result = (expr);                           \
  if (!result.ok()) return result.status();       \
  lhs = std::move(result).value()
