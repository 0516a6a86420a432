#include "expression/evaluate.h"

#include <algorithm>
#include <array>

namespace joey::expression {

namespace {

Result<Column> Read(const Expr& expr, Scope& scope) {
  std::shared_ptr<arrow::Array> array = scope.columns(expr.text);
  if (array == nullptr) {
    if (scope.deploying) {
      Column unknown;
      unknown.type = Type::kUnknown;
      return unknown;
    }
    return InvalidArgument("the column '" + expr.text + "' is missing",
                           "columns are named in.<input> and out.<output>");
  }
  if (array->length() != scope.total) {
    return Internal("the column '" + expr.text + "' has " + std::to_string(array->length()) +
                    " rows of " + std::to_string(scope.total));
  }
  Context& context = scope.context;
  Result<Column> column = FromArrow(*array, scope.begin, context.rows, context.arena);
  if (!column.ok()) return column.status().WithContext("column '" + expr.text + "'");
  return column;
}

Column Literal(const Scalar& scalar, Context& context) {
  Column out;
  if (const auto* boolean = std::get_if<bool>(&scalar)) {
    return ScalarOf<std::uint8_t>(Type::kBool, *boolean ? 1 : 0, context);
  }
  if (const auto* text = std::get_if<std::string>(&scalar)) {
    return ScalarOf<std::string_view>(Type::kString, *text, context);
  }
  if (const auto* integer = std::get_if<std::int64_t>(&scalar)) {
    out = ScalarOf(Type::kInt64, *integer, context);
    out.bare = Column::Bare::kInteger;
  } else if (const auto* natural = std::get_if<std::uint64_t>(&scalar)) {
    out = ScalarOf(Type::kUInt64, *natural, context);
    out.bare = Column::Bare::kInteger;
  } else if (const auto* real = std::get_if<double>(&scalar)) {
    out = ScalarOf(Type::kFloat64, *real, context);
    out.bare = Column::Bare::kFloat;
  } else {
    out.scalar = true;
    out.length = 1;
  }
  return out;
}

Result<Column> Apply(const Expr& expr, const Column& a, const Column& b, const Column& c,
                     Context& context) {
  switch (expr.op) {
    case Op::kCast:
      return Cast(a, expr.type, expr.flag, context);
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kFloorDivide:
    case Op::kModulo:
    case Op::kPower:
      return Arithmetic(expr.op, a, b, context);
    case Op::kEq:
    case Op::kNotEq:
    case Op::kLt:
    case Op::kLtEq:
    case Op::kGt:
    case Op::kGtEq:
    case Op::kEqMissing:
    case Op::kNotEqMissing:
      return Compare(expr.op, a, b, context);
    case Op::kAnd:
    case Op::kAllHorizontal:
      return Logic(Op::kAnd, a, b, context);
    case Op::kOr:
    case Op::kAnyHorizontal:
      return Logic(Op::kOr, a, b, context);
    case Op::kXor:
      return Logic(Op::kXor, a, b, context);
    case Op::kNot:
      return Not(a, context);
    case Op::kIsNull:
    case Op::kIsNotNull:
      return IsNull(a, expr.op == Op::kIsNull, context);
    case Op::kIsNan:
    case Op::kIsNotNan:
    case Op::kIsFinite:
    case Op::kIsInfinite:
      return NumberTest(expr.op, a, context);
    case Op::kNegate:
    case Op::kAbs:
    case Op::kFloor:
    case Op::kCeil:
    case Op::kRound:
    case Op::kSqrt:
    case Op::kLog:
    case Op::kExp:
      return Math(expr, a, context);
    case Op::kClip:
      return Clip(a, b, c, expr.number, context);
    case Op::kIsIn:
      return IsIn(expr, a, context);
    case Op::kIsBetween:
      return IsBetween(a, b, c, expr.number, context);
    case Op::kFillNull:
    case Op::kCoalesce:
      return FillNull(a, b, context);
    case Op::kContains:
    case Op::kStartsWith:
    case Op::kEndsWith:
    case Op::kLenBytes:
    case Op::kLenChars:
      return StringTest(expr, a, context);
    case Op::kElement:
      return Element(a, expr.number, context);
    case Op::kListGet:
      return ListGet(a, b, expr.flag, context);
    case Op::kListMin:
    case Op::kListMax:
    case Op::kListMean:
    case Op::kListSum:
    case Op::kListLen:
    case Op::kListAny:
    case Op::kListAll:
      return ListAggregate(expr, a, context);
    case Op::kListContains:
      return ListContains(expr, a, context);
    default:
      return Aggregate(expr, a, context);
  }
}

// Whether the predicate says the same for all rows, and what: a null is false.
struct Uniform {
  bool all = true;
  bool none = true;
};

Uniform Look(const Column& predicate) {
  Uniform out;
  for (std::int64_t i = 0; i < predicate.length; ++i) {
    bool is_true = predicate.IsValid(i) && predicate.values<std::uint8_t>()[i] != 0;
    (is_true ? out.none : out.all) = false;
  }
  return out;
}

// The type of an expression, as a null of it.
Result<Column> TypeOf(const Expr& expr, Scope& scope) {
  Scope nothing{{scope.context.arena, 0, scope.context.version},
                scope.columns,
                scope.begin,
                scope.total,
                scope.deploying};
  JOEY_ASSIGN_OR_RETURN(Column column, Evaluate(expr, nothing));
  if (column.scalar) return column;
  Column out = NullScalar(column.type, scope.context);
  out.bare = column.bare;
  out.planned_wide = column.planned_wide;
  out.planned = column.planned;
  out.elements = column.elements;
  return out;
}

// In recent releases a branch that no row takes cannot fail:
// when(x.list.len() > 1).then(x.list.get(1)).
Result<Column> Branch(const Expr& expr, bool taken, Scope& scope) {
  Result<Column> column = Evaluate(expr, scope);
  bool skipped = !taken && scope.context.version == Version::kCurrent && !HasAggregate(expr);
  if (column.ok() || !skipped) return column;
  return TypeOf(expr, scope);
}

Result<Column> Choice(const Expr& expr, Scope& scope) {
  JOEY_ASSIGN_OR_RETURN(Column predicate, Evaluate(expr.args[0], scope));
  Uniform uniform = predicate.type == Type::kBool ? Look(predicate) : Uniform{false, false};
  JOEY_ASSIGN_OR_RETURN(Column then, Branch(expr.args[1], !uniform.none, scope));
  JOEY_ASSIGN_OR_RETURN(Column otherwise, Branch(expr.args[2], !uniform.all, scope));
  for (const Column* part : {&predicate, &then, &otherwise}) {
    if (part->type == Type::kUnknown) return *part;
  }
  return When(predicate, then, otherwise, scope.context);
}

bool IsFold(Op op) {
  return op == Op::kAllHorizontal || op == Op::kAnyHorizontal || op == Op::kCoalesce;
}

}  // namespace

Result<Column> Evaluate(const Expr& expr, Scope& scope) {
  Context& context = scope.context;
  if (expr.op == Op::kColumn) return Read(expr, scope);
  if (expr.op == Op::kLiteral) return Literal(expr.literal, context);
  if (expr.op == Op::kLen && expr.args.empty()) {
    return ScalarOf<std::uint32_t>(Type::kUInt32, static_cast<std::uint32_t>(context.rows),
                                   context);
  }
  if (expr.op == Op::kWhen) return Choice(expr, scope);
  std::array<Column, 3> args;
  bool unknown = false;
  bool fold = IsFold(expr.op);
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    // A function of any number of arguments is computed from the left, two at a time.
    Column& arg = args[fold ? std::min<std::size_t>(i, 1) : i];
    JOEY_ASSIGN_OR_RETURN(arg, Evaluate(expr.args[i], scope));
    unknown = unknown || arg.type == Type::kUnknown;
    if (fold && i > 0 && !unknown) {
      JOEY_ASSIGN_OR_RETURN(args[0], Apply(expr, args[0], args[1], args[2], context));
    }
  }
  if (unknown) {
    args[0].type = Type::kUnknown;
    return args[0];
  }
  if (fold) return args[0];
  return Apply(expr, args[0], args[1], args[2], context);
}

}  // namespace joey::expression
