#include <cmath>
#include <limits>
#include <type_traits>

#include "expression/kernels.h"

namespace joey::expression {

namespace {

// Integers wrap around, as polars' do.
template <typename T>
T Sum(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a + b;
  return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
template <typename T>
T Difference(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a - b;
  return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
template <typename T>
T Product(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a * b;
  return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
template <typename T>
T Quotient(T a, T b) {
  return a / b;
}

template <typename T, typename F>
void Apply(const Column& a, const Column& b, Column& out, Context& context, F f) {
  T* values = context.arena.Make<T>(out.length);
  const T* left = a.values<T>();
  const T* right = b.values<T>();
  std::int64_t step_a = a.step();
  std::int64_t step_b = b.step();
  for (std::int64_t i = 0; i < out.length; ++i) {
    values[i] = f(left[i * step_a], right[i * step_b]);
  }
  out.data = values;
}

// Rounded towards minus infinity; the remainder has the divisor's sign. b is not 0.
template <typename T>
T FloorQuotient(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == T{-1}) return Difference(T{0}, a);
    auto quotient = static_cast<T>(a / b);
    return (a % b != 0) && ((a < 0) != (b < 0)) ? static_cast<T>(quotient - 1) : quotient;
  }
  return static_cast<T>(a / b);
}
template <typename T>
T FloorRemainder(T a, T b) {
  return Difference(a, Product(FloorQuotient(a, b), b));
}

// polars before 0.20 divides as float64 and gives the remainder the dividend's sign. b > 0.
template <typename T>
T OldQuotient(T a, T b) {
  return static_cast<T>(std::floor(static_cast<double>(a) / static_cast<double>(b)));
}

template <typename T>
void Divide(Op op, const Column& a, const Column& b, Column& out, Context& context) {
  T* values = context.arena.Make<T>(out.length);
  Validity validity(out.length, context);
  bool old = context.ordinary_nan();
  for (std::int64_t i = 0; i < out.length; ++i) {
    T left = a.values<T>()[i * a.step()];
    T right = b.values<T>()[i * b.step()];
    values[i] = 0;
    if (!a.IsValid(i) || !b.IsValid(i) || right == 0) {
      validity.SetNull(i);
    } else if (op == Op::kFloorDivide) {
      values[i] = old ? OldQuotient(left, right) : FloorQuotient(left, right);
    } else {
      values[i] = old ? static_cast<T>(left % right) : FloorRemainder(left, right);
    }
  }
  out.data = values;
  out.valid = validity.get();
}

// // and % of integers.
Result<Column> IntegerDivision(Op op, const Column& a, const Column& b, Context& context) {
  JOEY_ASSIGN_OR_RETURN(Type type, CommonType(a, b, Use::kArithmetic, context.version));
  std::string name = op == Op::kFloorDivide ? "//" : "%";
  if (!IsInteger(type)) {
    return InvalidArgument(
        name + " on fractions is not supported: results of polars depend on its release",
        "use / and floor()");
  }
  if (context.ordinary_nan()) {
    bool positive = b.bare == Column::Bare::kInteger && b.scalar &&
                    (b.type == Type::kUInt64 || b.values<std::int64_t>()[0] > 0);
    if (!positive) {
      return InvalidArgument(
          name + " with polars before 0.20 is only supported with a positive number on its right");
    }
  }
  Column out = LikeOf(type, a, b);
  Column left = Widen(a, type, context);
  Column right = Widen(b, type, context);
  VisitNumber(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) Divide<T>(op, left, right, out, context);
  });
  return out;
}

Result<Column> TrueDivision(const Column& a, const Column& b, Context& context) {
  Type type = Type::kFloat64;
  if (!(IsInteger(a.type) && IsInteger(b.type))) {
    JOEY_ASSIGN_OR_RETURN(Type common, CommonType(a, b, Use::kArithmetic, context.version));
    if (common == Type::kFloat32) type = common;
  } else if (a.bare != Column::Bare::kNo && b.bare != Column::Bare::kNo) {
    return CommonType(a, b, Use::kArithmetic, context.version).status();
  }
  Column out = LikeOf(type, a, b);
  out.valid = BothValid(a, b, context);
  Column left = Widen(a, type, context);
  Column right = Widen(b, type, context);
  if (type == Type::kFloat32) {
    Apply<float>(left, right, out, context, Quotient<float>);
  } else {
    Apply<double>(left, right, out, context, Quotient<double>);
  }
  return out;
}

template <typename T>
T IntegerPower(T base, std::uint32_t exponent) {
  T out = 1;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) out = Product(out, base);
    base = Product(base, base);
  }
  return out;
}

template <typename T>
void FloatPower(const Column& a, double exponent, Column& out, Context& context) {
  T* values = context.arena.Make<T>(a.length);
  const T* from = a.values<T>();
  auto power = static_cast<T>(exponent);
  for (std::int64_t i = 0; i < a.length; ++i) {
    values[i] = power == T{0.5} ? std::sqrt(from[i]) : std::pow(from[i], power);
  }
  out.data = values;
}

Result<Column> Power(const Column& a, const Column& b, Context& context) {
  if (b.bare == Column::Bare::kNo || !b.scalar || b.type == Type::kUInt64 || !IsNumber(a.type) ||
      a.bare != Column::Bare::kNo) {
    return InvalidArgument(
        "** and pow() are only supported for a number to the power of a number "
        "that is written in the expression");
  }
  if (a.planned_wide) return AmbiguousMean("**");
  bool whole = b.bare == Column::Bare::kInteger;
  Column out = LikeOf(a.type, a);
  out.valid = a.valid;
  if (IsInteger(a.type) && whole && !context.ordinary_nan()) {
    std::int64_t exponent = *b.values<std::int64_t>();
    if (exponent < 0 || exponent > std::numeric_limits<std::int32_t>::max()) {
      return InvalidArgument(
          "an integer cannot be raised to the power of " + std::to_string(exponent),
          "write a fraction, as in x ** -1.0");
    }
    VisitNumber(a.type, [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* values = context.arena.Make<T>(a.length);
      for (std::int64_t i = 0; i < a.length; ++i) {
        values[i] = IntegerPower(a.values<T>()[i], static_cast<std::uint32_t>(exponent));
      }
      out.data = values;
    });
    return out;
  }
  double exponent = whole ? static_cast<double>(*b.values<std::int64_t>()) : *b.values<double>();
  if (a.type == Type::kFloat32) {
    FloatPower<float>(a, exponent, out, context);
    return out;
  }
  out.type = Type::kFloat64;
  FloatPower<double>(Widen(a, Type::kFloat64, context), exponent, out, context);
  return out;
}

Result<Column> Compute(Op op, const Column& a, const Column& b, Context& context) {
  if (op == Op::kDivide) return TrueDivision(a, b, context);
  if (op == Op::kFloorDivide || op == Op::kModulo) return IntegerDivision(op, a, b, context);
  if (op == Op::kPower) return Power(a, b, context);
  JOEY_ASSIGN_OR_RETURN(Type type, CommonType(a, b, Use::kArithmetic, context.version));
  if (type == Type::kBool) {
    return InvalidArgument("two booleans cannot be added, subtracted or multiplied",
                           "use & and |, or cast(pl.Int32)");
  }
  Column out = LikeOf(type, a, b);
  out.valid = BothValid(a, b, context);
  Column left = Widen(a, type, context);
  Column right = Widen(b, type, context);
  VisitNumber(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (op == Op::kAdd) {
      Apply<T>(left, right, out, context, Sum<T>);
    } else if (op == Op::kSubtract) {
      Apply<T>(left, right, out, context, Difference<T>);
    } else {
      Apply<T>(left, right, out, context, Product<T>);
    }
  });
  return out;
}

}  // namespace

Result<Column> Arithmetic(Op op, const Column& a, const Column& b, Context& context) {
  JOEY_ASSIGN_OR_RETURN(Column out, Compute(op, a, b, context));
  if (op != Op::kPower) Plan(op, a, b, out, context.version);
  return out;
}

}  // namespace joey::expression
