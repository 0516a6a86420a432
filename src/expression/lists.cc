#include <limits>

#include "expression/kernels.h"
#include "expression/reduce.h"

namespace joey::expression {

namespace {

Status NoList(const Column& column) {
  return InvalidArgument("the functions of .list need a list, not " + Describe(column),
                         "leave .list out where a column has one value a row");
}

const std::uint8_t* ValidFrom(const Column& elements, std::int64_t start) {
  return elements.valid == nullptr ? nullptr : elements.valid + start;
}

// The place of an element, or -1.
std::int64_t Place(const Span& span, std::int64_t index) {
  std::int64_t within = index < 0 ? span.length + index : index;
  return within >= 0 && within < span.length ? span.start + within : -1;
}

Status Beyond(std::int64_t index, std::int64_t row, std::int64_t length) {
  return InvalidArgument("list.get(" + std::to_string(index) + ") is out of bounds in row " +
                             std::to_string(row) + ", whose list has " + std::to_string(length) +
                             " values",
                         "use list.get(…, null_on_oob=True), which gives null instead");
}

Status NullIndex(std::int64_t row) {
  return InvalidArgument("the index of list.get() is null in row " + std::to_string(row),
                         "polars before 0.20 has no answer to it for one row: use fill_null(0)");
}

template <typename T>
Result<Column> Get(const Column& list, const Column& index, bool null_beyond, Context& context) {
  Column out = LikeOf(list.elements->type, list, index);
  T* values = context.arena.Make<T>(out.length);
  Validity validity(out.length, context);
  const Span* spans = list.values<Span>();
  const T* elements = list.elements->values<T>();
  const auto* indexes = index.values<std::int64_t>();
  for (std::int64_t i = 0; i < out.length; ++i) {
    values[i] = T{};
    if (!list.IsValid(i) || !index.IsValid(i)) {
      bool single = out.length == 1 && context.version <= Version::k019;
      if (!index.IsValid(i) && single) return NullIndex(i);
      validity.SetNull(i);
      continue;
    }
    const Span& span = spans[i * list.step()];
    std::int64_t wanted = indexes[i * index.step()];
    std::int64_t place = Place(span, wanted);
    if (place < 0) {
      if (!null_beyond) return Beyond(wanted, i, span.length);
      validity.SetNull(i);
    } else if (!list.elements->IsValid(place)) {
      validity.SetNull(i);
    } else {
      values[i] = elements[place];
    }
  }
  out.data = values;
  out.valid = validity.get();
  return out;
}

// One value a row out of `reduce(values, valid, count)`, which gives an optional.
template <typename T, typename Out, typename Reduce>
Column PerList(const Column& list, Type type, Context& context, Reduce reduce) {
  Column out = LikeOf(type, list);
  Out* values = context.arena.Make<Out>(list.length);
  Validity validity(list.length, context);
  const Span* spans = list.values<Span>();
  const T* elements = list.elements->values<T>();
  for (std::int64_t i = 0; i < list.length; ++i) {
    values[i] = Out{};
    std::optional<Out> value;
    if (list.IsValid(i)) {
      std::int64_t start = spans[i].start;
      value = reduce(elements + start, ValidFrom(*list.elements, start), spans[i].length);
    }
    if (value) {
      values[i] = *value;
    } else {
      validity.SetNull(i);
    }
  }
  out.data = values;
  out.valid = validity.get();
  return out;
}

template <typename T>
Column Extremes(const Expr& expr, const Column& list, Context& context) {
  Type type = list.elements->type;
  return expr.op == Op::kListMin ? PerList<T, T>(list, type, context, Extreme<T, false>)
                                 : PerList<T, T>(list, type, context, Extreme<T, true>);
}

template <typename T>
Column Sums(const Column& list, Context& context) {
  Type type = list.elements->type;
  if constexpr (std::is_floating_point_v<T>) {
    bool narrow = context.version <= Version::k019;
    return PerList<T, T>(list, type, context, [narrow](const T* v, const std::uint8_t* ok, auto n) {
      return std::optional<T>(narrow ? NarrowTotal(v, ok, n) : static_cast<T>(Total(v, ok, n)));
    });
  } else {
    if (sizeof(T) < 4) type = Type::kInt64;
    return PerList<T, SumOf<T>>(list, type, context,
                                [](const T* v, const std::uint8_t* ok, auto n) {
                                  return std::optional<SumOf<T>>(Total(v, ok, n));
                                });
  }
}

// The mean of an empty list is null; NaN in polars 0.19, as long as no list holds a null.
template <typename T, typename Out>
Column MeansOf(const Column& list, Type type, Context& context) {
  bool nan = context.version <= Version::k019 && list.elements->valid == nullptr;
  return PerList<T, Out>(
      list, type, context,
      [nan](const T* v, const std::uint8_t* ok, std::int64_t n) -> std::optional<Out> {
        std::optional<double> mean = Average(v, ok, n);
        if (!mean && nan) return std::numeric_limits<Out>::quiet_NaN();
        if (!mean) return std::nullopt;
        return static_cast<Out>(*mean);
      });
}

template <typename T>
Column Means(const Expr& expr, const Column& list, Context& context) {
  if constexpr (std::is_same_v<T, float>) {
    Column means = MeansOf<float, float>(list, Type::kFloat32, context);
    means.planned_wide = expr.flag;
    return means;
  } else {
    return MeansOf<T, double>(list, Type::kFloat64, context);
  }
}

Column Lengths(const Column& list, Context& context) {
  Column out = LikeOf(Type::kUInt32, list);
  auto* values = context.arena.Make<std::uint32_t>(list.length);
  for (std::int64_t i = 0; i < list.length; ++i) {
    values[i] = list.IsValid(i) ? static_cast<std::uint32_t>(list.values<Span>()[i].length) : 0;
  }
  out.data = values;
  if (context.version >= Version::k1) out.valid = list.valid;
  return out;
}

Column TrueCounts(const Column& list, Context& context) {
  return PerList<std::uint8_t, std::uint32_t>(
      list, Type::kUInt32, context, [](const std::uint8_t* v, const std::uint8_t* ok, auto n) {
        return std::optional<std::uint32_t>(static_cast<std::uint32_t>(Total(v, ok, n)));
      });
}

// polars 0.18 takes a null in a list for false.
Column AnyOrAll(const Expr& expr, const Column& list, Context& context) {
  bool all = expr.op == Op::kListAll;
  bool null_is_false = context.version == Version::k018;
  return PerList<std::uint8_t, std::uint8_t>(list, Type::kBool, context,
                                             [&](const std::uint8_t* v, const std::uint8_t* ok,
                                                 std::int64_t n) -> std::optional<std::uint8_t> {
                                               for (std::int64_t i = 0; i < n; ++i) {
                                                 bool valid = ok == nullptr || ok[i] != 0;
                                                 if (!valid && !(all && null_is_false)) continue;
                                                 if ((valid && v[i] != 0) != all)
                                                   return all ? 0 : 1;
                                               }
                                               return all ? 1 : 0;
                                             });
}

std::string Name(Op op) {
  switch (op) {
    case Op::kListMin:
      return "list.min()";
    case Op::kListMax:
      return "list.max()";
    case Op::kListMean:
      return "list.mean()";
    case Op::kListSum:
      return "list.sum()";
    case Op::kListAny:
      return "list.any()";
    default:
      return "list.all()";
  }
}

template <typename T, typename Equals>
Column Search(const Column& list, Context& context, Equals equals) {
  return PerList<T, std::uint8_t>(
      list, Type::kBool, context,
      [&](const T* v, const std::uint8_t* ok, std::int64_t n) -> std::optional<std::uint8_t> {
        for (std::int64_t i = 0; i < n; ++i) {
          if ((ok == nullptr || ok[i] != 0) && equals(v[i])) return 1;
        }
        return 0;
      });
}

}  // namespace

Result<Column> ListGet(const Column& list, const Column& index, bool null_beyond,
                       Context& context) {
  if (list.type != Type::kList) return NoList(list);
  if (!IsInteger(index.type) || index.type == Type::kUInt64) {
    return InvalidArgument("list.get() needs an integer, not " + Describe(index));
  }
  Column places = Widen(index, Type::kInt64, context);
  switch (list.elements->type) {
    case Type::kBool:
      return Get<std::uint8_t>(list, places, null_beyond, context);
    case Type::kString:
      return Get<std::string_view>(list, places, null_beyond, context);
    case Type::kList: {
      JOEY_ASSIGN_OR_RETURN(Column out, Get<Span>(list, places, null_beyond, context));
      out.elements = list.elements->elements;
      return out;
    }
    case Type::kNull:
      return InvalidArgument("the lists hold only nulls");
    default:
      return VisitNumber(list.elements->type, [&](auto tag) {
        return Get<typename decltype(tag)::type>(list, places, null_beyond, context);
      });
  }
}

Result<Column> Element(const Column& column, int index, Context& context) {
  if (column.type != Type::kList) {
    if (index == 0) return column;
    return InvalidArgument("there is no value " + std::to_string(index) +
                           " in a column with one value a row");
  }
  Column list = column;
  while (list.elements->type == Type::kList) {
    const Span* outer = list.values<Span>();
    const Span* inner = list.elements->values<Span>();
    auto* spans = context.arena.Make<Span>(list.length);
    for (std::int64_t i = 0; i < list.length; ++i) {
      spans[i] = {0, 0};
      if (outer[i].length == 0) continue;
      const Span& last = inner[outer[i].start + outer[i].length - 1];
      spans[i].start = inner[outer[i].start].start;
      spans[i].length = last.start + last.length - spans[i].start;
    }
    list.data = spans;
    list.elements = list.elements->elements;
  }
  Column place = ScalarOf<std::int64_t>(Type::kInt64, index, context);
  return ListGet(list, place, false, context);
}

Result<Column> ListAggregate(const Expr& expr, const Column& list, Context& context) {
  if (list.type != Type::kList) return NoList(list);
  if (expr.op == Op::kListLen) return Lengths(list, context);
  Type type = list.elements->type;
  bool logical = expr.op == Op::kListAny || expr.op == Op::kListAll;
  if (logical && type == Type::kBool) return AnyOrAll(expr, list, context);
  if (expr.op == Op::kListSum && type == Type::kBool) {
    Column counts = TrueCounts(list, context);
    if (context.version <= Version::k019) counts.planned = Type::kBool;
    return counts;
  }
  if (logical || !IsNumber(type)) {
    return InvalidArgument(
        Name(expr.op) + " cannot take lists of " + std::string(TypeName(type)),
        type == Type::kList ? "take one of the inner lists with list.get(0)" : "");
  }
  bool narrow =
      type == Type::kInt8 || type == Type::kInt16 || type == Type::kUInt8 || type == Type::kUInt16;
  if (expr.op == Op::kListSum && narrow && context.version >= Version::k1) {
    return InvalidArgument("list.sum() of " + std::string(TypeName(type)) +
                               " is int64 in some releases of polars and null when it is too large "
                               "in others",
                           "use a wider type, or list.mean() * list.len()");
  }
  return VisitNumber(type, [&](auto tag) -> Column {
    using T = typename decltype(tag)::type;
    if (expr.op == Op::kListSum) return Sums<T>(list, context);
    if (expr.op == Op::kListMean) return Means<T>(expr, list, context);
    return Extremes<T>(expr, list, context);
  });
}

Result<Column> ListContains(const Expr& expr, const Column& list, Context& context) {
  if (list.type != Type::kList) return NoList(list);
  const Column& elements = *list.elements;
  const Scalar& wanted = expr.list.front();
  Column out;
  if (const auto* text = std::get_if<std::string>(&wanted);
      text != nullptr && elements.type == Type::kString) {
    out = Search<std::string_view>(list, context, [&](std::string_view v) { return v == *text; });
  } else if (const auto* boolean = std::get_if<bool>(&wanted);
             boolean != nullptr && elements.type == Type::kBool) {
    out = Search<std::uint8_t>(list, context, [&](std::uint8_t v) { return (v != 0) == *boolean; });
  } else if (const auto* integer = std::get_if<std::int64_t>(&wanted);
             integer != nullptr && IsInteger(elements.type) && elements.type != Type::kUInt64) {
    out = VisitNumber(elements.type, [&](auto tag) {
      using T = typename decltype(tag)::type;
      return Search<T>(list, context,
                       [&](T v) { return static_cast<std::int64_t>(v) == *integer; });
    });
  } else {
    return InvalidArgument("list.contains() cannot look for this value in lists of " +
                               std::string(TypeName(elements.type)) +
                               ": releases of polars do not agree on it",
                           "it can look for integers, texts and booleans in lists of the same");
  }
  // Until polars says how nulls compare, a null list contains nothing.
  if (!expr.flag && out.valid != nullptr) {
    auto* found = context.arena.Make<std::uint8_t>(out.length);
    for (std::int64_t i = 0; i < out.length; ++i) {
      found[i] = out.values<std::uint8_t>()[i] & out.valid[i];
    }
    out.data = found;
    out.valid = nullptr;
  }
  return out;
}

}  // namespace joey::expression
