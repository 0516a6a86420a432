// One value for all rows.
#include <algorithm>
#include <cmath>
#include <vector>

#include "expression/kernels.h"
#include "expression/reduce.h"

namespace joey::expression {

namespace {

Status CannotTake(const std::string& name, const Column& column) {
  return InvalidArgument(
      name + " over the rows cannot take " + Describe(column),
      column.type == Type::kList ? "take one value of each list first, as with list.get(0)" : "");
}

template <typename T>
Column OptionalScalar(Type type, const std::optional<T>& value, Context& context) {
  return value ? ScalarOf<T>(type, *value, context) : NullScalar(type, context);
}

// A result that is float32 for float32 and float64 otherwise.
Column FloatScalar(const Column& a, std::optional<double> value, Context& context) {
  bool single = a.type == Type::kFloat32;
  if (!value) return NullScalar(single ? Type::kFloat32 : Type::kFloat64, context);
  if (single) return ScalarOf<float>(Type::kFloat32, static_cast<float>(*value), context);
  return ScalarOf<double>(Type::kFloat64, *value, context);
}

Result<Column> MinOrMax(Op op, const Column& a, Context& context) {
  auto extreme = [&](auto tag) -> Column {
    using T = typename decltype(tag)::type;
    const T* values = a.values<T>();
    return OptionalScalar(a.type,
                          op == Op::kMin ? Extreme<T, false>(values, a.valid, a.length)
                                         : Extreme<T, true>(values, a.valid, a.length),
                          context);
  };
  if (a.type == Type::kBool) return extreme(Tag<std::uint8_t>{});
  if (a.type == Type::kString) return extreme(Tag<std::string_view>{});
  if (!IsNumber(a.type)) return CannotTake(op == Op::kMin ? "min()" : "max()", a);
  return VisitNumber(a.type, extreme);
}

Result<Column> SumAll(const Column& a, Context& context) {
  if (a.type == Type::kBool) {
    std::int64_t count = Total(a.values<std::uint8_t>(), a.valid, a.length);
    return ScalarOf<std::uint32_t>(Type::kUInt32, static_cast<std::uint32_t>(count), context);
  }
  if (!IsNumber(a.type)) return CannotTake("sum()", a);
  return VisitNumber(a.type, [&](auto tag) -> Column {
    using T = typename decltype(tag)::type;
    auto total = Total(a.values<T>(), a.valid, a.length);
    if constexpr (std::is_floating_point_v<T>) return FloatScalar(a, total, context);
    return ScalarOf<SumOf<T>>(sizeof(T) < 4 ? Type::kInt64 : a.type, total, context);
  });
}

// The values that are not null, as float64.
std::vector<double> Doubles(const Column& a) {
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(a.length));
  VisitNumber(a.type, [&](auto tag) {
    const auto* values = a.values<typename decltype(tag)::type>();
    for (std::int64_t i = 0; i < a.length; ++i) {
      if (a.IsValid(i)) out.push_back(static_cast<double>(values[i]));
    }
  });
  return out;
}

double MeanOf(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::optional<double> Variance(const std::vector<double>& values, int freedom) {
  auto count = static_cast<std::int64_t>(values.size());
  if (count <= freedom) return std::nullopt;
  double mean = MeanOf(values);
  double sum = 0;
  for (double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(count - freedom);
}

std::optional<double> Median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  // NaN is the greatest.
  std::sort(values.begin(), values.end(),
            [](double a, double b) { return a < b || (std::isnan(b) && !std::isnan(a)); });
  std::size_t half = values.size() / 2;
  if (values.size() % 2 == 1) return values[half];
  return values[half - 1] + (values[half] - values[half - 1]) / 2;
}

Result<Column> Statistic(const Expr& expr, const Column& given, Context& context) {
  bool boolean = given.type == Type::kBool && expr.op == Op::kMean;
  if (!boolean && !IsNumber(given.type))
    return CannotTake("mean(), median(), std() or var()", given);
  Column a = boolean ? Widen(given, Type::kInt8, context) : given;
  std::vector<double> values = Doubles(a);
  if (expr.op == Op::kMean) {
    return FloatScalar(a, values.empty() ? std::nullopt : std::optional(MeanOf(values)), context);
  }
  if (expr.op == Op::kMedian) return FloatScalar(a, Median(std::move(values)), context);
  std::optional<double> variance = Variance(values, expr.number);
  if (context.version == Version::k018) {
    // polars 0.18: fractions have no spread in a table of one row; it is NaN where values are too
    // few.
    if (IsFloat(a.type) && a.length == 1) variance = 0.0;
    if (!variance && !values.empty()) variance = std::nan("");
  }
  if (variance && expr.op == Op::kStd) variance = std::sqrt(*variance);
  return FloatScalar(a, variance, context);
}

template <typename T>
std::int64_t Distinct(const Column& a) {
  std::vector<T> values;
  std::int64_t nan = 0;
  std::int64_t null = 0;
  for (std::int64_t i = 0; i < a.length; ++i) {
    T value = a.values<T>()[i];
    if (!a.IsValid(i)) {
      null = 1;
    } else if (value != value) {
      nan = 1;
    } else {
      values.push_back(value);
    }
  }
  std::sort(values.begin(), values.end());
  auto end = std::unique(values.begin(), values.end());
  return (end - values.begin()) + nan + null;
}

Result<Column> CountDistinct(const Column& a, Context& context) {
  if (IsFloat(a.type) && context.version <= Version::k019) {
    return InvalidArgument("n_unique() of fractions counts 0.0 and -0.0 in polars before 0.20",
                           "use n_unique() of integers or texts");
  }
  std::int64_t count = 0;
  if (a.type == Type::kBool) {
    count = Distinct<std::uint8_t>(a);
  } else if (a.type == Type::kString) {
    count = Distinct<std::string_view>(a);
  } else if (IsNumber(a.type)) {
    count =
        VisitNumber(a.type, [&](auto tag) { return Distinct<typename decltype(tag)::type>(a); });
  } else {
    return CannotTake("n_unique()", a);
  }
  return ScalarOf<std::uint32_t>(Type::kUInt32, static_cast<std::uint32_t>(count), context);
}

Result<Column> AnyOrAll(const Expr& expr, const Column& a, Context& context) {
  bool all = expr.op == Op::kAll;
  if (a.type != Type::kBool) return CannotTake(all ? "all()" : "any()", a);
  bool null = false;
  for (std::int64_t i = 0; i < a.length; ++i) {
    if (!a.IsValid(i)) {
      null = true;
    } else if ((a.values<std::uint8_t>()[i] != 0) != all) {
      return ScalarOf<std::uint8_t>(Type::kBool, all ? 0 : 1, context);
    }
  }
  // polars 0.18 takes null for false.
  if (null && all && context.version == Version::k018) {
    return ScalarOf<std::uint8_t>(Type::kBool, 0, context);
  }
  if (null && !expr.flag) return NullScalar(Type::kBool, context);
  return ScalarOf<std::uint8_t>(Type::kBool, all ? 1 : 0, context);
}

Result<Column> FirstOrLast(Op op, const Column& a, Context& context) {
  if (a.type == Type::kList || a.type == Type::kNull) {
    return CannotTake(op == Op::kFirst ? "first()" : "last()", a);
  }
  if (a.length == 0) return NullScalar(a.type, context);
  std::int64_t row = op == Op::kFirst ? 0 : a.length - 1;
  if (!a.IsValid(row)) return NullScalar(a.type, context);
  if (a.type == Type::kBool) return ScalarOf(a.type, a.values<std::uint8_t>()[row], context);
  if (a.type == Type::kString) return ScalarOf(a.type, a.values<std::string_view>()[row], context);
  return VisitNumber(a.type, [&](auto tag) -> Column {
    return ScalarOf(a.type, a.values<typename decltype(tag)::type>()[row], context);
  });
}

Result<Column> Compute(const Expr& expr, const Column& a, Context& context) {
  if (a.bare != Column::Bare::kNo) {
    return InvalidArgument("an aggregate of a number of the expression",
                           "aggregate a column, as in pl.col(…).mean()");
  }
  if (a.planned_wide) return AmbiguousMean("an aggregate");
  std::int64_t valid = a.type == Type::kNull ? 0 : CountValid(a.valid, a.length);
  switch (expr.op) {
    case Op::kMin:
    case Op::kMax:
      return MinOrMax(expr.op, a, context);
    case Op::kSum:
      return SumAll(a, context);
    case Op::kMean:
    case Op::kMedian:
    case Op::kStd:
    case Op::kVar:
      return Statistic(expr, a, context);
    case Op::kCount:
      return ScalarOf<std::uint32_t>(Type::kUInt32, static_cast<std::uint32_t>(valid), context);
    case Op::kLen:
      return ScalarOf<std::uint32_t>(Type::kUInt32, static_cast<std::uint32_t>(a.length), context);
    case Op::kNullCount:
      return ScalarOf<std::uint32_t>(Type::kUInt32, static_cast<std::uint32_t>(a.length - valid),
                                     context);
    case Op::kNUnique:
      return CountDistinct(a, context);
    case Op::kAny:
    case Op::kAll:
      return AnyOrAll(expr, a, context);
    default:
      return FirstOrLast(expr.op, a, context);
  }
}

}  // namespace

Result<Column> Aggregate(const Expr& expr, const Column& a, Context& context) {
  JOEY_ASSIGN_OR_RETURN(Column out, Compute(expr, a, context));
  bool statistic =
      expr.op == Op::kMean || expr.op == Op::kMedian || expr.op == Op::kStd || expr.op == Op::kVar;
  if (IsFloat(out.type) || out.type == a.type) out.planned = a.planned;
  if (statistic && a.type == Type::kBool && context.version <= Version::k019) {
    out.planned = Type::kBool;
  }
  return out;
}

}  // namespace joey::expression
