// Functions of one number.
#include <cmath>
#include <type_traits>

#include "expression/kernels.h"

namespace joey::expression {

namespace {

Status NoNumber(const std::string& name, const Column& column, const std::string& hint = "") {
  return InvalidArgument(name + " cannot take " + Describe(column), hint);
}

template <typename T, typename F>
Column Apply(const Column& a, Context& context, F f) {
  Column out = LikeOf(a.type, a);
  out.valid = a.valid;
  T* values = context.arena.Make<T>(a.length);
  const T* from = a.values<T>();
  for (std::int64_t i = 0; i < a.length; ++i) values[i] = f(from[i]);
  out.data = values;
  return out;
}

// `f` of a float32 or float64 column.
template <typename F>
Column ApplyFloat(const Column& a, Context& context, F f) {
  if (a.type == Type::kFloat32) return Apply<float>(a, context, f);
  return Apply<double>(a, context, f);
}

template <typename T>
T Negative(T value) {
  if constexpr (std::is_floating_point_v<T>) return -value;
  return static_cast<T>(std::uint64_t{0} - static_cast<std::uint64_t>(value));
}

template <typename T>
T Absolute(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::fabs(value);
  return value < T{0} ? Negative(value) : value;
}

// As polars does it, in float64 for float32 as well.
double Rounded(double value, int decimals, bool to_even) {
  double scale = std::pow(10.0, decimals);
  double scaled = value * scale;
  if (!std::isfinite(scaled)) return value;
  return (to_even ? std::nearbyint(scaled) : std::round(scaled)) / scale;
}

std::string Name(Op op) {
  switch (op) {
    case Op::kNegate:
      return "the minus sign";
    case Op::kAbs:
      return "abs()";
    case Op::kFloor:
      return "floor()";
    case Op::kCeil:
      return "ceil()";
    case Op::kRound:
      return "round()";
    case Op::kSqrt:
      return "sqrt()";
    case Op::kLog:
      return "log()";
    default:
      return "exp()";
  }
}

Result<Column> ApplyToFloat(const Expr& expr, const Column& a, Context& context) {
  switch (expr.op) {
    case Op::kFloor:
      return ApplyFloat(a, context, [](auto x) { return std::floor(x); });
    case Op::kCeil:
      return ApplyFloat(a, context, [](auto x) { return std::ceil(x); });
    case Op::kRound:
      return ApplyFloat(a, context, [&](auto x) { return Rounded(x, expr.number, expr.flag); });
    case Op::kSqrt:
      return ApplyFloat(a, context, [](auto x) { return std::sqrt(x); });
    case Op::kExp:
      return ApplyFloat(a, context, [](auto x) { return std::exp(x); });
    default:
      return ApplyFloat(a, context, [&](auto x) {
        return std::log(x) / std::log(static_cast<decltype(x)>(expr.real));
      });
  }
}

template <typename T>
bool Test(Op op, T value) {
  switch (op) {
    case Op::kIsNan:
      return std::isnan(value);
    case Op::kIsNotNan:
      return !std::isnan(value);
    case Op::kIsFinite:
      return std::isfinite(value);
    default:
      return std::isinf(value);
  }
}

}  // namespace

Result<Column> Math(const Expr& expr, const Column& a, Context& context) {
  if (!IsNumber(a.type) || a.bare != Column::Bare::kNo) return NoNumber(Name(expr.op), a);
  if (a.planned_wide) return AmbiguousMean(Name(expr.op));
  if (expr.op == Op::kNegate && IsUnsigned(a.type)) {
    return NoNumber(Name(expr.op), a, "cast first, as with .cast(pl.Int64)");
  }
  if (expr.op == Op::kNegate || expr.op == Op::kAbs) {
    return VisitNumber(a.type, [&](auto tag) -> Column {
      using T = typename decltype(tag)::type;
      return expr.op == Op::kAbs ? Apply<T>(a, context, Absolute<T>)
                                 : Apply<T>(a, context, Negative<T>);
    });
  }
  if (IsFloat(a.type)) return ApplyToFloat(expr, a, context);
  bool rounds = expr.op == Op::kFloor || expr.op == Op::kCeil || expr.op == Op::kRound;
  if (rounds && context.version >= Version::k1) return a;
  if (rounds) return NoNumber(Name(expr.op), a, "an integer has no fraction: leave it out");
  return ApplyToFloat(expr, Widen(a, Type::kFloat64, context), context);
}

Result<Column> NumberTest(Op op, const Column& a, Context& context) {
  if (!IsFloat(a.type) || a.bare != Column::Bare::kNo) {
    return NoNumber("is_nan() and its kin", a, "only float32 and float64 can be NaN or infinite");
  }
  Column out = LikeOf(Type::kBool, a);
  auto* values = context.arena.Make<std::uint8_t>(a.length);
  out.data = values;
  out.valid = a.valid;
  bool single = a.type == Type::kFloat32;
  for (std::int64_t i = 0; i < a.length; ++i) {
    bool is = single ? Test(op, a.values<float>()[i]) : Test(op, a.values<double>()[i]);
    values[i] = is ? 1 : 0;
  }
  // Before 0.20 a null is "not NaN".
  if (op == Op::kIsNotNan && context.version <= Version::k019 && a.valid != nullptr) {
    for (std::int64_t i = 0; i < a.length; ++i) {
      if (a.valid[i] == 0) values[i] = 1;
    }
    out.valid = nullptr;
  }
  return out;
}

Result<Column> Clip(const Column& a, const Column& lower, const Column& upper, int given,
                    Context& context) {
  if (!IsNumber(a.type) || a.bare != Column::Bare::kNo) return NoNumber("clip()", a);
  if (a.planned_wide) return AmbiguousMean("clip()");
  for (const Column* bound : {&lower, &upper}) {
    bool used = (bound == &lower && (given & 1) != 0) || (bound == &upper && (given & 2) != 0);
    if (!used) continue;
    bool literal = bound->bare != Column::Bare::kNo && bound->scalar;
    if (!literal) return NoNumber("clip()", *bound, "give numbers as its bounds");
    JOEY_ASSIGN_OR_RETURN(Type type, CommonType(a, *bound, Use::kArithmetic, context.version));
    if (type != a.type) {
      return NoNumber("clip() of " + Describe(a), *bound, "cast first, as with .cast(pl.Float64)");
    }
  }
  Column low = (given & 1) != 0 ? Widen(lower, a.type, context) : Column();
  Column high = (given & 2) != 0 ? Widen(upper, a.type, context) : Column();
  return VisitNumber(a.type, [&](auto tag) -> Column {
    using T = typename decltype(tag)::type;
    return Apply<T>(a, context, [&](T value) {
      if (low.data != nullptr && value < *low.values<T>()) return *low.values<T>();
      if (high.data != nullptr && value > *high.values<T>()) return *high.values<T>();
      return value;
    });
  });
}

}  // namespace joey::expression
