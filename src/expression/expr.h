// A parsed expression: what both dialects of checks become.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "expression/type.h"

namespace joey::expression {

// The polars release whose rules hold: the one that wrote the JSON, as far as its form tells.
enum class Version {
  k018,      // 0.18: NaN compares as IEEE 754 says
  k019,      // 0.19
  k020,      // 0.20: NaN equals itself and is greater than every number
  k1,        // 1.0 to 1.2x: functions have options
  kCurrent,  // later: functions without options
};

enum class Op {
  kColumn,
  kLiteral,
  kCast,  // to `type`; `flag` when strict
  // Two arguments.
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
  kEq,
  kNotEq,
  kLt,
  kLtEq,
  kGt,
  kGtEq,
  kEqMissing,
  kNotEqMissing,
  kAnd,
  kOr,
  kXor,
  // One argument, a value a row.
  kNot,
  kNegate,
  kAbs,
  kFloor,
  kCeil,
  kRound,  // to `number` decimals; `flag` when halves go to even
  kSqrt,
  kLog,  // to the base `real`
  kExp,
  kIsNull,
  kIsNotNull,
  kIsNan,
  kIsNotNan,
  kIsFinite,
  kIsInfinite,
  kIsIn,  // `list`
  kClip,  // arguments: value, lower, upper; bit 1 of `number`: lower is there, bit 2: upper
  kFillNull,
  kCoalesce,
  kIsBetween,  // arguments: value, lower, upper; bit 1 of `number`: lower closed, bit 2: upper
  kWhen,       // arguments: predicate, then, otherwise
  kAnyHorizontal,
  kAllHorizontal,
  // Strings.
  kContains,  // `text`
  kStartsWith,
  kEndsWith,
  kLenBytes,
  kLenChars,
  // Lists. `flag` of kListGet: an index beyond the end gives null.
  kElement,  // the `number`-th value of each row, lists in lists taken as one
  kListGet,
  kListMin,
  kListMax,
  kListMean,  // `flag`: the mean of float32 goes on as float64
  kListSum,
  kListLen,
  kListContains,  // `list` of one
  kListAny,
  kListAll,
  // One value for all rows.
  kMin,
  kMax,
  kSum,
  kMean,
  kMedian,
  kStd,  // `number`: degrees of freedom
  kVar,
  kCount,  // not null
  kLen,    // of the argument, or rows without one
  kNullCount,
  kNUnique,
  kFirst,
  kLast,
  kAny,  // `flag`: nulls are ignored
  kAll,
};

// monostate is null. Unsigned only when it does not fit a signed one.
using Scalar = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string>;

struct Expr {
  Op op = Op::kLiteral;
  std::vector<Expr> args;
  std::string text;  // a column's name, a string to look for
  Scalar literal;
  std::vector<Scalar> list;  // all of one alternative, no null
  Type type = Type::kNull;
  bool flag = false;
  int number = 0;
  double real = 0;
};

// Itself and everything below it.
std::size_t CountNodes(const Expr& expr);

// Whether some part of it looks at all rows at once.
bool HasAggregate(const Expr& expr);

}  // namespace joey::expression
