#include "expression/kernels.h"

namespace joey::expression {

namespace {

// The type in which two branches meet; a bare null follows the other one.
struct Branches {
  Type type;
  Column::Bare bare = Column::Bare::kNo;
};

Result<Branches> BranchType(const Column& a, const Column& b, Version version) {
  if (a.type == Type::kNull || b.type == Type::kNull) {
    const Column& given = a.type == Type::kNull ? b : a;
    return Branches{given.planned_wide ? Type::kFloat64 : given.type, given.bare};
  }
  if (a.bare != Column::Bare::kNo && b.bare != Column::Bare::kNo) {
    if (a.bare == Column::Bare::kInteger && b.bare == Column::Bare::kInteger) {
      if (a.type != b.type) {
        return InvalidArgument("a number of the expression is too large",
                               "numbers beyond the range of int64 cannot be mixed with others");
      }
      return Branches{a.type, Column::Bare::kInteger};
    }
    return Branches{Type::kFloat64, Column::Bare::kFloat};
  }
  if (a.type == b.type && !IsPending(a) && !IsPending(b)) return Branches{a.type};
  JOEY_ASSIGN_OR_RETURN(Type type, CommonType(a, b, Use::kBranch, version));
  return Branches{type};
}

Column InType(const Column& column, Type type, Context& context) {
  if (column.type == Type::kNull) return NullScalar(type, context);
  return column.type == type ? column : Widen(column, type, context);
}

template <typename T>
void Pick(const std::uint8_t* first, const Column& a, const Column& b, Column& out,
          Context& context) {
  T* values = context.arena.Make<T>(out.length);
  Validity validity(out.length, context);
  for (std::int64_t i = 0; i < out.length; ++i) {
    const Column& from = first[i] != 0 ? a : b;
    if (from.IsValid(i)) {
      values[i] = from.values<T>()[i * from.step()];
    } else {
      values[i] = T{};
      validity.SetNull(i);
    }
  }
  out.data = values;
  out.valid = validity.get();
}

// Rows of `a` where `first` says so, of `b` elsewhere; `out` has its length already.
Result<Column> Choose(const std::uint8_t* first, const Column& a, const Column& b, Column out,
                      Context& context) {
  JOEY_ASSIGN_OR_RETURN(Branches branches, BranchType(a, b, context.version));
  if (branches.type == Type::kList) {
    return InvalidArgument("a choice between lists is not supported",
                           "take one value of each first, as with list.get(0)");
  }
  out.type = branches.type;
  out.bare = branches.bare;
  if (out.type == Type::kNull) return out;
  Column left = InType(a, out.type, context);
  Column right = InType(b, out.type, context);
  if (out.type == Type::kBool) {
    Pick<std::uint8_t>(first, left, right, out, context);
  } else if (out.type == Type::kString) {
    Pick<std::string_view>(first, left, right, out, context);
  } else {
    VisitNumber(out.type, [&](auto tag) {
      Pick<typename decltype(tag)::type>(first, left, right, out, context);
    });
  }
  return out;
}

bool FitInt32(const Column& column) {
  for (std::int64_t i = 0; i < column.length; ++i) {
    std::int64_t value = column.values<std::int64_t>()[i];
    if (column.IsValid(i) && value != static_cast<std::int32_t>(value)) return false;
  }
  return true;
}

// Before polars 0.20 a choice between bare numbers has a type.
Result<Column> Typed(Column column, Context& context) {
  if (column.bare == Column::Bare::kNo || context.version > Version::k019) return column;
  if (column.bare == Column::Bare::kInteger) {
    if (column.type != Type::kInt64 || !FitInt32(column)) {
      return InvalidArgument("a number in then() or otherwise() is too large",
                             "give it a type, as in pl.lit(5000000000, dtype=pl.Int64)");
    }
    return Cast(column, Type::kInt32, true, context);
  }
  column.bare = Column::Bare::kNo;
  return column;
}

}  // namespace

Result<Column> When(const Column& predicate, const Column& then, const Column& otherwise,
                    Context& context) {
  if (predicate.type != Type::kBool) {
    return InvalidArgument("when() needs true or false, not " + Describe(predicate),
                           "compare first: pl.when(x > 1)");
  }
  Column out;
  out.scalar = predicate.scalar && then.scalar && otherwise.scalar;
  out.length = out.scalar ? 1 : context.rows;
  auto* first = context.arena.Make<std::uint8_t>(out.length);
  const auto* from = predicate.values<std::uint8_t>();
  for (std::int64_t i = 0; i < out.length; ++i) {
    first[i] = predicate.IsValid(i) ? from[i * predicate.step()] : 0;
  }
  JOEY_ASSIGN_OR_RETURN(Column chosen, Choose(first, then, otherwise, out, context));
  Plan(Op::kWhen, then, otherwise, chosen, context.version);
  return Typed(chosen, context);
}

Result<Column> FillNull(const Column& a, const Column& b, Context& context) {
  if (a.bare != Column::Bare::kNo || a.type == Type::kNull) {
    return InvalidArgument("fill_null() and coalesce() need a column first, not " + Describe(a));
  }
  if (a.scalar && !b.scalar && context.version <= Version::k1) {
    return InvalidArgument("one value of all rows cannot be filled with one of each row",
                           "polars before 1.3x has no answer to it either");
  }
  Column out = LikeOf(a.type, a, b);
  auto* first = context.arena.Make<std::uint8_t>(out.length);
  for (std::int64_t i = 0; i < out.length; ++i) first[i] = a.IsValid(i) ? 1 : 0;
  JOEY_ASSIGN_OR_RETURN(Column filled, Choose(first, a, b, out, context));
  Plan(Op::kFillNull, a, b, filled, context.version);
  return filled;
}

}  // namespace joey::expression
