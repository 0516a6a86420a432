// What polars plans before it computes. A plan is made of the expression as written; while types
// are being adjusted some releases cast operands to what the plan says of them, not to what they
// become. Where both agree nothing needs to be known of it; elsewhere a column carries its planned
// type, and CommonType refuses to guess.
#include "expression/kernels.h"

namespace joey::expression {

namespace {

bool IsBare(const Column& column) { return column.bare != Column::Bare::kNo; }

Type Joined(Type a, Type b) {
  Type type = Supertype(a, b);
  return type == Type::kUnknown ? Type::kFloat64 : type;
}

Type PlanOfDivision(const Column& left) {
  if (IsBare(left)) return Type::kFloat64;
  Type type = PlannedType(left);
  return type == Type::kFloat32 || type == Type::kBool ? type : Type::kFloat64;
}

// 0.18 and 0.19: + * // and % of a column and a bare number.
Type PlanWithNumber(const Column& column, const Column& number, Type actual, Version version) {
  Type type = PlannedType(column);
  if (version == Version::k018) return type;
  if (type == Type::kBool) return actual;
  bool fraction = number.bare == Column::Bare::kFloat;
  if (IsInteger(type)) return fraction ? Type::kFloat64 : type;
  return fraction ? type : Type::kFloat64;
}

Type OldPlan(Op op, const Column& a, const Column& b, Type actual, Version version) {
  if (op == Op::kDivide) return PlanOfDivision(a);
  if (!IsBare(a) && !IsBare(b)) return Joined(PlannedType(a), PlannedType(b));
  const Column& column = IsBare(a) ? b : a;
  const Column& number = IsBare(a) ? a : b;
  bool joins = op == Op::kSubtract || op == Op::kWhen || op == Op::kFillNull;
  if (joins) return Joined(PlannedType(column), LiteralType(number));
  return PlanWithNumber(column, number, actual, version);
}

// Since 0.20 a fraction makes an integer "some float", which takes the type of what it meets in
// some releases and is float64 in others.
bool IsSomeFloat(Op op, const Column& a, const Column& b, Version version) {
  if (a.planned == Type::kUnknown || b.planned == Type::kUnknown) return true;
  if (IsBare(a) == IsBare(b)) return false;
  const Column& column = IsBare(a) ? b : a;
  const Column& number = IsBare(a) ? a : b;
  if (op == Op::kFillNull) return version == Version::k020;
  return column.type == Type::kBool ||
         (IsInteger(column.type) && number.bare == Column::Bare::kFloat);
}

}  // namespace

Type LiteralType(const Column& bare) {
  if (bare.bare == Column::Bare::kFloat) return Type::kFloat64;
  if (bare.type == Type::kUInt64) return bare.type;
  for (std::int64_t i = 0; i < bare.length; ++i) {
    std::int64_t value = bare.values<std::int64_t>()[i];
    if (value != static_cast<std::int32_t>(value)) return Type::kInt64;
  }
  return Type::kInt32;
}

Type PlannedType(const Column& column) {
  if (column.planned != Type::kNull) return column.planned;
  return column.planned_wide ? Type::kFloat64 : column.type;
}

void Plan(Op op, const Column& a, const Column& b, Column& out, Version version) {
  if (!IsNumber(out.type) || IsBare(out)) return;
  if (a.type == Type::kNull || b.type == Type::kNull) return;
  if (version >= Version::k020) {
    if (IsSomeFloat(op, a, b, version)) out.planned = Type::kUnknown;
    return;
  }
  if (IsBare(a) && IsBare(b)) return;
  Type planned = OldPlan(op, a, b, out.type, version);
  if (planned != out.type) out.planned = planned;
}

}  // namespace joey::expression
