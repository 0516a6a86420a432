#include <algorithm>
#include <cmath>
#include <type_traits>

#include "expression/kernels.h"

namespace joey::expression {

namespace {

template <typename T>
bool IsNan(T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
  return false;
}

// `kTotal`: NaN equals itself and is greater than every number.
template <bool kTotal, typename T>
bool Equal(T a, T b) {
  return a == b || (kTotal && IsNan(a) && IsNan(b));
}
template <bool kTotal, typename T>
bool Less(T a, T b) {
  return a < b || (kTotal && IsNan(b) && !IsNan(a));
}
template <bool kTotal, typename T>
bool LessEqual(T a, T b) {
  return kTotal ? !Less<true>(b, a) : a <= b;
}

template <typename T, typename Test>
void Apply(const Column& a, const Column& b, std::int64_t length, std::uint8_t* out, Test test) {
  const T* left = a.values<T>();
  const T* right = b.values<T>();
  if (b.scalar && !a.scalar) {
    T value = right[0];
    for (std::int64_t i = 0; i < length; ++i) out[i] = test(left[i], value) ? 1 : 0;
    return;
  }
  std::int64_t step_a = a.step();
  std::int64_t step_b = b.step();
  for (std::int64_t i = 0; i < length; ++i) {
    out[i] = test(left[i * step_a], right[i * step_b]) ? 1 : 0;
  }
}

template <bool kTotal, typename T>
void ApplyOp(Op op, const Column& a, const Column& b, std::int64_t length, std::uint8_t* out) {
  switch (op) {
    case Op::kEq:
    case Op::kEqMissing:
      return Apply<T>(a, b, length, out, Equal<kTotal, T>);
    case Op::kNotEq:
    case Op::kNotEqMissing:
      return Apply<T>(a, b, length, out, [](T x, T y) { return !Equal<kTotal, T>(x, y); });
    case Op::kLt:
      return Apply<T>(a, b, length, out, Less<kTotal, T>);
    case Op::kLtEq:
      return Apply<T>(a, b, length, out, LessEqual<kTotal, T>);
    case Op::kGt:
      return Apply<T>(a, b, length, out, [](T x, T y) { return Less<kTotal, T>(y, x); });
    default:
      return Apply<T>(a, b, length, out, [](T x, T y) { return LessEqual<kTotal, T>(y, x); });
  }
}

// Two columns of one type.
Column CompareSame(Op op, const Column& a, const Column& b, Context& context) {
  Column out = LikeOf(Type::kBool, a, b);
  auto* values = context.arena.Make<std::uint8_t>(out.length);
  out.data = values;
  if (a.type == Type::kString) {
    ApplyOp<false, std::string_view>(op, a, b, out.length, values);
  } else if (a.type == Type::kBool) {
    ApplyOp<false, std::uint8_t>(op, a, b, out.length, values);
  } else {
    VisitNumber(a.type, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if (std::is_floating_point_v<T> && !context.ordinary_nan()) {
        ApplyOp<true, T>(op, a, b, out.length, values);
      } else {
        ApplyOp<false, T>(op, a, b, out.length, values);
      }
    });
  }
  if (op != Op::kEqMissing && op != Op::kNotEqMissing) {
    out.valid = BothValid(a, b, context);
    return out;
  }
  for (std::int64_t i = 0; i < out.length; ++i) {
    bool valid_a = a.IsValid(i);
    bool valid_b = b.IsValid(i);
    if (valid_a && valid_b) continue;
    values[i] = (valid_a == valid_b) == (op == Op::kEqMissing) ? 1 : 0;
  }
  return out;
}

template <typename T>
std::vector<T> Wanted(const std::vector<Scalar>& list) {
  std::vector<T> out;
  for (const Scalar& scalar : list) out.push_back(std::get<T>(scalar));
  std::sort(out.begin(), out.end());
  return out;
}

bool AllFit(const std::vector<std::int64_t>& values, Type type) {
  return VisitNumber(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) return false;
    return std::all_of(values.begin(), values.end(), [](std::int64_t value) {
      return static_cast<std::int64_t>(static_cast<T>(value)) == value;
    });
  });
}

template <typename T, typename Wide>
void FindIn(const Column& value, const std::vector<Wide>& wanted, std::uint8_t* out) {
  const T* values = value.values<T>();
  for (std::int64_t i = 0; i < value.length; ++i) {
    auto one = static_cast<Wide>(values[i]);
    out[i] = !IsNan(one) && std::binary_search(wanted.begin(), wanted.end(), one) ? 1 : 0;
  }
}

}  // namespace

Result<Column> Compare(Op op, const Column& a, const Column& b, Context& context) {
  if (a.type == Type::kNull || b.type == Type::kNull) {
    return InvalidArgument("a comparison with None never says true",
                           "use is_null() or is_not_null()");
  }
  if (a.type == b.type && a.type != Type::kList && !IsPending(a) && !IsPending(b)) {
    return CompareSame(op, a, b, context);
  }
  JOEY_ASSIGN_OR_RETURN(Type type, CommonType(a, b, Use::kCompare, context.version));
  return CompareSame(op, Widen(a, type, context), Widen(b, type, context), context);
}

Result<Column> IsBetween(const Column& value, const Column& lower, const Column& upper, int closed,
                         Context& context) {
  bool single = value.type == Type::kFloat32 &&
                (lower.bare == Column::Bare::kFloat || upper.bare == Column::Bare::kFloat);
  if (context.version == Version::k020 && single) {
    return InvalidArgument(
        "is_between() on float32 with fractions, as polars 0.20 writes it, is ambiguous: its "
        "releases round the bounds differently",
        "write (x >= lower) & (x <= upper)");
  }
  JOEY_ASSIGN_OR_RETURN(Column above,
                        Compare((closed & 1) != 0 ? Op::kGtEq : Op::kGt, value, lower, context));
  JOEY_ASSIGN_OR_RETURN(Column below,
                        Compare((closed & 2) != 0 ? Op::kLtEq : Op::kLt, value, upper, context));
  return Logic(Op::kAnd, above, below, context);
}

Result<Column> IsIn(const Expr& expr, const Column& value, Context& context) {
  if (IsPending(value)) {
    return InvalidArgument("is_in() in something computed is ambiguous in this release of polars",
                           "put a .cast(…) before it");
  }
  Column out = LikeOf(Type::kBool, value);
  auto* found = context.arena.Make<std::uint8_t>(value.length);
  out.data = found;
  out.valid = value.valid;
  std::size_t kind = expr.list.empty() ? 0 : expr.list.front().index();
  if (kind == 0) {
    std::memset(found, 0, static_cast<std::size_t>(value.length));
  } else if (value.type == Type::kString && kind == Scalar(std::string()).index()) {
    std::vector<std::string> wanted = Wanted<std::string>(expr.list);
    const auto* values = value.values<std::string_view>();
    for (std::int64_t i = 0; i < value.length; ++i) {
      found[i] = std::binary_search(wanted.begin(), wanted.end(), values[i], std::less<>()) ? 1 : 0;
    }
  } else if (value.type == Type::kBool && kind == Scalar(true).index()) {
    std::vector<bool> wanted = Wanted<bool>(expr.list);
    FindIn<std::uint8_t>(value, std::vector<std::uint8_t>(wanted.begin(), wanted.end()), found);
  } else if (value.type == Type::kFloat64 && kind == Scalar(1.0).index()) {
    FindIn<double>(value, Wanted<double>(expr.list), found);
  } else if (IsInteger(value.type) && value.type != Type::kUInt64 &&
             value.bare == Column::Bare::kNo && kind == Scalar(std::int64_t{}).index()) {
    std::vector<std::int64_t> wanted = Wanted<std::int64_t>(expr.list);
    if (context.version == Version::k018 && !AllFit(wanted, value.type)) {
      return InvalidArgument("is_in() in " + Describe(value) +
                                 " with numbers beyond its range finds "
                                 "nulls in polars 0.18",
                             "leave these numbers out");
    }
    VisitNumber(value.type,
                [&](auto tag) { FindIn<typename decltype(tag)::type>(value, wanted, found); });
  } else {
    return InvalidArgument(
        "is_in() cannot look for these values in " + Describe(value) +
            ": releases of polars do not agree on it",
        "use integers with integers, texts with texts, fractions with float64; cast first");
  }
  // polars 0.18 finds a null of the values nowhere; later it stays null.
  if (context.version == Version::k018 && value.type != Type::kBool && value.valid != nullptr) {
    for (std::int64_t i = 0; i < value.length; ++i) found[i] &= value.valid[i];
    out.valid = nullptr;
  }
  return out;
}

}  // namespace joey::expression
