// Three-valued logic: null is "unknown", so false & null is false and true | null is true.
#include "expression/kernels.h"

namespace joey::expression {

namespace {

enum : std::uint8_t { kFalse, kTrue, kNothing };

std::uint8_t At(const Column& column, std::int64_t row) {
  if (column.type == Type::kNull || !column.IsValid(row)) return kNothing;
  return column.values<std::uint8_t>()[row * column.step()];
}

std::uint8_t Combine(Op op, std::uint8_t a, std::uint8_t b) {
  switch (op) {
    case Op::kAnd:
      if (a == kFalse || b == kFalse) return kFalse;
      return a == kTrue && b == kTrue ? kTrue : kNothing;
    case Op::kOr:
      if (a == kTrue || b == kTrue) return kTrue;
      return a == kFalse && b == kFalse ? kFalse : kNothing;
    default:
      if (a == kNothing || b == kNothing) return kNothing;
      return a != b ? kTrue : kFalse;
  }
}

Status NotBoolean(const Column& column) {
  return InvalidArgument("&, |, ^ and ~ need true or false, not " + Describe(column),
                         "compare first and put brackets around it: (a > 1) & (b < 2)");
}

bool IsLogical(const Column& column) {
  return column.type == Type::kBool || column.type == Type::kNull;
}

}  // namespace

Result<Column> Logic(Op op, const Column& a, const Column& b, Context& context) {
  if (!IsLogical(a)) return NotBoolean(a);
  if (!IsLogical(b)) return NotBoolean(b);
  Column out = LikeOf(Type::kBool, a, b);
  auto* values = context.arena.Make<std::uint8_t>(out.length);
  out.data = values;
  bool nulls = a.valid != nullptr || b.valid != nullptr || a.type != b.type;
  if (!nulls && a.type == Type::kBool) {
    const auto* left = a.values<std::uint8_t>();
    const auto* right = b.values<std::uint8_t>();
    for (std::int64_t i = 0; i < out.length; ++i) {
      std::uint8_t x = left[i * a.step()];
      std::uint8_t y = right[i * b.step()];
      values[i] = op == Op::kAnd ? x & y : op == Op::kOr ? x | y : x ^ y;
    }
    return out;
  }
  Validity validity(out.length, context);
  for (std::int64_t i = 0; i < out.length; ++i) {
    std::uint8_t value = Combine(op, At(a, i), At(b, i));
    values[i] = value == kTrue ? 1 : 0;
    if (value == kNothing) validity.SetNull(i);
  }
  out.valid = validity.get();
  return out;
}

Result<Column> Not(const Column& a, Context& context) {
  if (a.type != Type::kBool) return NotBoolean(a);
  Column out = LikeOf(Type::kBool, a);
  auto* values = context.arena.Make<std::uint8_t>(a.length);
  const auto* from = a.values<std::uint8_t>();
  for (std::int64_t i = 0; i < a.length; ++i) values[i] = from[i] ^ 1;
  out.data = values;
  out.valid = a.valid;
  return out;
}

Column IsNull(const Column& a, bool wanted, Context& context) {
  Column out = LikeOf(Type::kBool, a);
  auto* values = context.arena.Make<std::uint8_t>(a.length);
  for (std::int64_t i = 0; i < a.length; ++i) {
    bool null = a.type == Type::kNull || !a.IsValid(i);
    values[i] = null == wanted ? 1 : 0;
  }
  out.data = values;
  return out;
}

}  // namespace joey::expression
