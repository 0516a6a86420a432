// What expressions are computed with, one function a family. All take columns whose types are known
// (no kUnknown) and give kInvalidArgument for types that they cannot take.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "expression/column.h"
#include "expression/expr.h"

namespace joey::expression {

// One evaluation: `rows` rows, temporary columns in `arena`, the rules of `version`.
struct Context {
  Arena& arena;
  std::int64_t rows;
  Version version;

  // Before polars 0.20 NaN compares as IEEE 754 says; since then it is the greatest number.
  bool ordinary_nan() const { return version <= Version::k019; }
};

// coerce.cc
enum class Use { kCompare, kArithmetic, kBranch };
// The type in which two numbers or booleans meet; bare numbers follow the other side.
Result<Type> CommonType(const Column& a, const Column& b, Use use, Version version);
// For types that hold the values: what CommonType gives, or float64.
Column Widen(const Column& column, Type type, Context& context);
// `strict`: a value that does not fit is an error, otherwise it becomes null.
Result<Column> Cast(const Column& column, Type type, bool strict, Context& context);
// "a number of the expression", "float32": how errors name a column's type.
std::string Describe(const Column& column);
// The error of `function` for a column that is planned_wide.
Status AmbiguousMean(const std::string& function);

// plan.cc
Type PlannedType(const Column& column);
// The type that a bare number has in plans of 0.18 and 0.19.
Type LiteralType(const Column& bare);
// Notes on `out`, the result of `op` (an operator, kWhen or kFillNull), what was planned for it.
void Plan(Op op, const Column& a, const Column& b, Column& out, Version version);

// compare.cc
Result<Column> Compare(Op op, const Column& a, const Column& b, Context& context);
Result<Column> IsBetween(const Column& value, const Column& lower, const Column& upper, int closed,
                         Context& context);
Result<Column> IsIn(const Expr& expr, const Column& value, Context& context);

// logic.cc
Result<Column> Logic(Op op, const Column& a, const Column& b, Context& context);
Result<Column> Not(const Column& a, Context& context);
Column IsNull(const Column& a, bool wanted, Context& context);

// branch.cc
Result<Column> When(const Column& predicate, const Column& then, const Column& otherwise,
                    Context& context);
Result<Column> FillNull(const Column& a, const Column& b, Context& context);

// arithmetic.cc
Result<Column> Arithmetic(Op op, const Column& a, const Column& b, Context& context);

// math.cc
Result<Column> Math(const Expr& expr, const Column& a, Context& context);
Result<Column> NumberTest(Op op, const Column& a, Context& context);
Result<Column> Clip(const Column& a, const Column& lower, const Column& upper, int given,
                    Context& context);

// strings.cc
Result<Column> StringTest(const Expr& expr, const Column& a, Context& context);

// lists.cc
// Legacy expressions: a column without lists has one element a row.
Result<Column> Element(const Column& column, int index, Context& context);
Result<Column> ListGet(const Column& list, const Column& index, bool null_beyond, Context& context);
Result<Column> ListAggregate(const Expr& expr, const Column& list, Context& context);
Result<Column> ListContains(const Expr& expr, const Column& list, Context& context);

// aggregate.cc
Result<Column> Aggregate(const Expr& expr, const Column& a, Context& context);

// Helpers of the kernels.

// Whether the column takes another type when it meets one.
inline bool IsPending(const Column& column) {
  return column.bare != Column::Bare::kNo || column.planned_wide || column.planned != Type::kNull;
}

// A column without values yet, of as many as its arguments have.
inline Column LikeOf(Type type, const Column& a) {
  Column out;
  out.type = type;
  if (type == a.type) out.planned = a.planned;
  out.scalar = a.scalar;
  out.length = a.length;
  return out;
}
inline Column LikeOf(Type type, const Column& a, const Column& b) {
  Column out = LikeOf(type, a.scalar ? b : a);
  out.planned = Type::kNull;
  return out;
}

// Where both are not null.
inline const std::uint8_t* BothValid(const Column& a, const Column& b, Context& context) {
  if (a.valid == nullptr && b.valid == nullptr) return nullptr;
  if (a.valid == nullptr && a.scalar == b.scalar) return b.valid;
  if (b.valid == nullptr && a.scalar == b.scalar) return a.valid;
  std::int64_t length = a.scalar ? b.length : a.length;
  auto* valid = context.arena.Make<std::uint8_t>(length);
  for (std::int64_t i = 0; i < length; ++i) valid[i] = a.IsValid(i) && b.IsValid(i) ? 1 : 0;
  return valid;
}

// The validity of a column that is being made: costs nothing until the first null.
class Validity {
 public:
  Validity(std::int64_t length, Context& context) : length_(length), context_(context) {}
  void SetNull(std::int64_t row) {
    if (valid_ == nullptr) {
      valid_ = context_.arena.Make<std::uint8_t>(length_);
      std::memset(valid_, 1, static_cast<std::size_t>(length_));
    }
    valid_[row] = 0;
  }
  const std::uint8_t* get() const { return valid_; }

 private:
  std::int64_t length_;
  Context& context_;
  std::uint8_t* valid_ = nullptr;
};

template <typename T>
Column ScalarOf(Type type, T value, Context& context) {
  Column out;
  out.type = type;
  out.scalar = true;
  out.length = 1;
  T* data = context.arena.Make<T>(1);
  *data = value;
  out.data = data;
  return out;
}

// The null of a type.
inline Column NullScalar(Type type, Context& context) {
  Column out = ScalarOf<std::uint64_t>(type, 0, context);
  auto* valid = context.arena.Make<std::uint8_t>(1);
  *valid = 0;
  out.valid = valid;
  return out;
}

}  // namespace joey::expression
