#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "expression/kernels.h"

namespace joey::expression {

namespace {

// Whether `value` is within To, after truncation of a fraction.
template <typename To, typename From>
bool Fits(From value) {
  if constexpr (std::is_floating_point_v<To>) {
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    // Both bounds are powers of two (or zero), so they are exact in From.
    From low = static_cast<From>(std::numeric_limits<To>::min());
    From high = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    From whole = std::trunc(value);
    return whole >= low && whole < high;
  } else {
    return std::in_range<To>(value);
  }
}

// Whether every value of a bare column is within the integer type.
bool BareFits(const Column& bare, Type type) {
  return VisitNumber(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t i = 0; i < bare.length; ++i) {
      if (!bare.IsValid(i)) continue;
      bool fits = bare.type == Type::kUInt64 ? Fits<T>(bare.values<std::uint64_t>()[i])
                                             : Fits<T>(bare.values<std::int64_t>()[i]);
      if (!fits) return false;
    }
    return true;
  });
}

Status TooLarge(const Column& other) {
  return InvalidArgument("a number of the expression does not fit the type " +
                             std::string(TypeName(other.type)) +
                             " that it meets, and releases of polars do not agree on what follows",
                         "cast the other side first, as with .cast(pl.Int64) or .cast(pl.Float64)");
}

Result<Type> BareType(const Column& bare, const Column& other, Use use) {
  Type type = other.planned_wide ? Type::kFloat64 : other.type;
  if (bare.bare == Column::Bare::kFloat) {
    return type == Type::kFloat32 ? Type::kFloat32 : Type::kFloat64;
  }
  bool huge = bare.type == Type::kUInt64;  // beyond int64
  if (IsFloat(type)) {
    if (huge) return TooLarge(other);
    return type;
  }
  if (type == Type::kBool) {
    if (huge) return TooLarge(other);
    return use == Use::kCompare || !BareFits(bare, Type::kInt32) ? Type::kInt64 : Type::kInt32;
  }
  if (!bare.scalar && type != Type::kInt32 && type != Type::kInt64) {
    return InvalidArgument("a choice between numbers of the expression meets " + Describe(other) +
                               ", in which some of them become null where they do not fit",
                           "give them a type, as in pl.when(…).then(pl.lit(1, dtype=pl.Int64))");
  }
  if (BareFits(bare, type)) return type;
  if (!bare.scalar) return TooLarge(other);
  if (use == Use::kCompare && type != Type::kUInt64 && !huge) return Type::kInt64;
  return TooLarge(other);
}

template <typename To>
Column WidenTo(const Column& column, Type type, Context& context) {
  Column out = LikeOf(type, column);
  out.valid = column.valid;
  To* to = context.arena.Make<To>(column.length);
  if (column.type == Type::kBool) {
    const auto* from = column.values<std::uint8_t>();
    for (std::int64_t i = 0; i < column.length; ++i) to[i] = static_cast<To>(from[i]);
  } else {
    VisitNumber(column.type, [&](auto tag) {
      const auto* from = column.values<typename decltype(tag)::type>();
      for (std::int64_t i = 0; i < column.length; ++i) to[i] = static_cast<To>(from[i]);
    });
  }
  out.data = to;
  return out;
}

template <typename To, typename From>
Result<Column> CastNumbers(const Column& column, Type type, bool strict, Context& context) {
  Column out = LikeOf(type, column);
  To* to = context.arena.Make<To>(column.length);
  Validity validity(column.length, context);
  const From* from = column.values<From>();
  for (std::int64_t i = 0; i < column.length; ++i) {
    if (column.IsValid(i) && Fits<To>(from[i])) {
      to[i] = static_cast<To>(from[i]);
      continue;
    }
    if (strict && column.IsValid(i)) {
      return InvalidArgument("the strict cast from " + Describe(column) + " to " +
                                 std::string(TypeName(type)) + " fails for " +
                                 std::to_string(from[i]),
                             "use .cast(…, strict=False), which gives null instead");
    }
    to[i] = To{};
    validity.SetNull(i);
  }
  out.data = to;
  out.valid = validity.get();
  return out;
}

Column CastToBool(const Column& column, Context& context) {
  Column out = LikeOf(Type::kBool, column);
  out.valid = column.valid;
  auto* to = context.arena.Make<std::uint8_t>(column.length);
  VisitNumber(column.type, [&](auto tag) {
    const auto* from = column.values<typename decltype(tag)::type>();
    for (std::int64_t i = 0; i < column.length; ++i) to[i] = from[i] != 0 ? 1 : 0;
  });
  out.data = to;
  return out;
}

}  // namespace

std::string Describe(const Column& column) {
  if (column.bare != Column::Bare::kNo) return "a number of the expression";
  return std::string(TypeName(column.type));
}

Status AmbiguousMean(const std::string& function) {
  return InvalidArgument(function +
                             " of list.mean() of float32 is ambiguous as this release of "
                             "polars writes it: float32 for some functions and float64 for others",
                         "put .cast(pl.Float64) behind list.mean()");
}

namespace {

// The type in which two columns meet, as far as nothing else was planned for them.
Result<Type> MeetingType(const Column& a, const Column& b, Use use) {
  if (a.bare != Column::Bare::kNo) return BareType(a, b, use);
  if (b.bare != Column::Bare::kNo) return BareType(b, a, use);
  Type type = a.planned_wide || b.planned_wide ? Type::kFloat64 : Supertype(a.type, b.type);
  if (type == Type::kUnknown) {
    return InvalidArgument("the types " + Describe(a) + " and " + Describe(b) +
                               " meet, on which releases of polars do not agree",
                           "cast one side first, as with .cast(pl.Int64)");
  }
  return type;
}

// The column as the plan has it.
Column AsPlanned(const Column& column) {
  Column out = column;
  out.type = PlannedType(column);
  out.planned = Type::kNull;
  out.planned_wide = false;
  return out;
}

// Whether the bare number is the same as float32 and float64.
bool IsSingle(const Column& bare) {
  if (bare.bare == Column::Bare::kNo || !bare.scalar || bare.type == Type::kUInt64) return false;
  double value = bare.bare == Column::Bare::kFloat
                     ? *bare.values<double>()
                     : static_cast<double>(*bare.values<std::int64_t>());
  return static_cast<double>(static_cast<float>(value)) == value;
}

// Whether two columns of which something else was planned meet in `type` all the same.
bool IsCertain(const Column& a, const Column& b, Type type, Use use, Version version) {
  bool bare = a.bare != Column::Bare::kNo || b.bare != Column::Bare::kNo;
  const Column& number = a.bare != Column::Bare::kNo ? a : b;
  bool exact =
      use == Use::kCompare && IsFloat(type) && (IsSingle(number) || type == Type::kFloat64);
  if (version >= Version::k020) {
    bool single = a.type == Type::kFloat32 || b.type == Type::kFloat32;
    if (use == Use::kCompare && IsInteger(type)) return true;
    if (use == Use::kCompare && bare) return true;
    return type == Type::kFloat64 && !single;
  }
  if (bare) {
    Type literal = LiteralType(number);
    Type planned = PlannedType(&number == &a ? b : a);
    if (literal == planned || exact) return true;
  } else if (PlannedType(a) == PlannedType(b)) {
    return true;
  }
  Result<Type> planned = MeetingType(AsPlanned(a), AsPlanned(b), use);
  return planned.ok() && *planned == type;
}

}  // namespace

Result<Type> CommonType(const Column& a, const Column& b, Use use, Version version) {
  if (a.bare != Column::Bare::kNo && b.bare != Column::Bare::kNo) {
    return InvalidArgument("two numbers of the expression meet without a column",
                           "write the result as one number");
  }
  if (!(IsNumber(a.type) || a.type == Type::kBool) ||
      !(IsNumber(b.type) || b.type == Type::kBool)) {
    return InvalidArgument(
        "the types " + Describe(a) + " and " + Describe(b) + " do not go together",
        "a list needs a function first, as list.get(0); null is found with "
        "is_null()");
  }
  JOEY_ASSIGN_OR_RETURN(Type type, MeetingType(a, b, use));
  bool planned = a.planned != Type::kNull || b.planned != Type::kNull;
  if (planned && !IsCertain(a, b, type, use, version)) {
    const Column& computed = a.planned != Type::kNull ? a : b;
    return InvalidArgument("a computed " + Describe(computed) + " meets " +
                               Describe(&computed == &a ? b : a) +
                               ", and releases of polars do not agree in which type",
                           "say it: put .cast(pl.Float64) or another type behind what is computed");
  }
  return type;
}

Column Widen(const Column& column, Type type, Context& context) {
  if (column.type == type) {
    Column out = column;
    out.bare = Column::Bare::kNo;
    out.planned_wide = false;
    return out;
  }
  return VisitNumber(
      type, [&](auto tag) { return WidenTo<typename decltype(tag)::type>(column, type, context); });
}

Result<Column> Cast(const Column& column, Type type, bool strict, Context& context) {
  if (column.type == type) return Widen(column, type, context);
  bool from_known = IsNumber(column.type) || column.type == Type::kBool;
  bool to_known = IsNumber(type) || type == Type::kBool;
  if (!from_known || !to_known) {
    return InvalidArgument("cast() from " + Describe(column) + " to " +
                               std::string(TypeName(type)) + " is not supported",
                           "numbers and booleans can be cast to each other");
  }
  if (type == Type::kBool) return CastToBool(column, context);
  if (column.type == Type::kBool) return Widen(column, type, context);
  return VisitNumber(type, [&](auto to) -> Result<Column> {
    return VisitNumber(column.type, [&](auto from) -> Result<Column> {
      return CastNumbers<typename decltype(to)::type, typename decltype(from)::type>(
          column, type, strict, context);
    });
  });
}

}  // namespace joey::expression
