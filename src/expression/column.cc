#include "expression/column.h"

#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/float16.h>

#include <algorithm>

namespace joey::expression {

namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;

Type NumberType(arrow::Type::type id) {
  switch (id) {
    case arrow::Type::INT8:
      return Type::kInt8;
    case arrow::Type::INT16:
      return Type::kInt16;
    case arrow::Type::INT32:
      return Type::kInt32;
    case arrow::Type::INT64:
      return Type::kInt64;
    case arrow::Type::UINT8:
      return Type::kUInt8;
    case arrow::Type::UINT16:
      return Type::kUInt16;
    case arrow::Type::UINT32:
      return Type::kUInt32;
    case arrow::Type::UINT64:
      return Type::kUInt64;
    case arrow::Type::FLOAT:
      return Type::kFloat32;
    case arrow::Type::DOUBLE:
      return Type::kFloat64;
    default:
      return Type::kUnknown;
  }
}

const std::uint8_t* ValidOf(const arrow::Array& array, std::int64_t begin, std::int64_t rows,
                            Arena& arena) {
  if (array.null_count() == 0) return nullptr;
  auto* valid = arena.Make<std::uint8_t>(rows);
  for (std::int64_t i = 0; i < rows; ++i) valid[i] = array.IsValid(begin + i) ? 1 : 0;
  return valid;
}

template <typename Array>
const void* Strings(const arrow::Array& array, std::int64_t begin, std::int64_t rows,
                    Arena& arena) {
  const auto& strings = static_cast<const Array&>(array);
  auto* out = arena.Make<std::string_view>(rows);
  for (std::int64_t i = 0; i < rows; ++i) out[i] = strings.GetView(begin + i);
  return out;
}

// `first` and `last`: the part of the child array that the rows reach into.
template <typename Array>
Span* Spans(const arrow::Array& array, std::int64_t begin, std::int64_t rows, std::int64_t& first,
            std::int64_t& last, Arena& arena) {
  const auto& lists = static_cast<const Array&>(array);
  auto* out = arena.Make<Span>(rows);
  first = rows == 0 ? 0 : lists.value_offset(begin);
  last = first;
  for (std::int64_t i = 0; i < rows; ++i) {
    out[i] = {lists.value_offset(begin + i) - first, lists.value_length(begin + i)};
    last = first + out[i].start + out[i].length;
  }
  return out;
}

Result<Column> FromList(const arrow::Array& array, std::int64_t begin, std::int64_t rows,
                        Column column, Arena& arena) {
  std::int64_t first = 0;
  std::int64_t last = 0;
  const arrow::Array* child = nullptr;
  if (array.type_id() == arrow::Type::LIST) {
    column.data = Spans<arrow::ListArray>(array, begin, rows, first, last, arena);
    child = static_cast<const arrow::ListArray&>(array).values().get();
  } else if (array.type_id() == arrow::Type::LARGE_LIST) {
    column.data = Spans<arrow::LargeListArray>(array, begin, rows, first, last, arena);
    child = static_cast<const arrow::LargeListArray&>(array).values().get();
  } else {
    column.data = Spans<arrow::FixedSizeListArray>(array, begin, rows, first, last, arena);
    child = static_cast<const arrow::FixedSizeListArray&>(array).values().get();
  }
  auto* elements = new (arena.Make<Column>(1)) Column;
  JOEY_ASSIGN_OR_RETURN(*elements, FromArrow(*child, first, last - first, arena));
  column.type = Type::kList;
  column.elements = elements;
  return column;
}

template <typename Builder, typename T>
arrow::Result<std::shared_ptr<arrow::Array>> Build(const Column& column, std::int64_t rows) {
  Builder builder;
  ARROW_RETURN_NOT_OK(builder.Reserve(rows));
  for (std::int64_t i = 0; i < rows; ++i) {
    if (column.IsValid(i)) {
      ARROW_RETURN_NOT_OK(builder.Append(column.values<T>()[i * column.step()]));
    } else {
      ARROW_RETURN_NOT_OK(builder.AppendNull());
    }
  }
  return builder.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> BuildAny(const Column& column, std::int64_t rows) {
  if (column.type == Type::kNull) return arrow::MakeArrayOfNull(arrow::null(), rows);
  if (column.type == Type::kBool) return Build<arrow::BooleanBuilder, std::uint8_t>(column, rows);
  if (column.type == Type::kString) {
    return Build<arrow::StringBuilder, std::string_view>(column, rows);
  }
  return VisitNumber(column.type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Build<typename arrow::CTypeTraits<T>::BuilderType, T>(column, rows);
  });
}

}  // namespace

void* Arena::Take(std::size_t bytes) {
  bytes = std::max<std::size_t>((bytes + 15) & ~std::size_t{15}, 16);
  if (bytes > left_) {
    std::size_t block = std::max(bytes, kBlockBytes);
    // Uninitialised on purpose: make_unique would clear it.
    blocks_.emplace_back(new char[block]);
    next_ = blocks_.back().get();
    left_ = block;
  }
  void* out = next_;
  next_ += bytes;
  left_ -= bytes;
  return out;
}

Result<Column> FromArrow(const arrow::Array& array, std::int64_t begin, std::int64_t rows,
                         Arena& arena) {
  Column column;
  column.length = rows;
  arrow::Type::type id = array.type_id();
  if (id == arrow::Type::NA) {
    column.type = Type::kNull;
    return column;
  }
  column.valid = ValidOf(array, begin, rows, arena);
  column.type = NumberType(id);
  if (column.type != Type::kUnknown) {
    const arrow::ArrayData& data = *array.data();
    std::int64_t width = data.type->bit_width() / 8;
    column.data = data.buffers[1] == nullptr
                      ? nullptr
                      : data.buffers[1]->data() + (data.offset + begin) * width;
    return column;
  }
  switch (id) {
    case arrow::Type::BOOL: {
      const auto& booleans = static_cast<const arrow::BooleanArray&>(array);
      auto* out = arena.Make<std::uint8_t>(rows);
      for (std::int64_t i = 0; i < rows; ++i) out[i] = booleans.Value(begin + i) ? 1 : 0;
      column.type = Type::kBool;
      column.data = out;
      return column;
    }
    case arrow::Type::HALF_FLOAT: {
      const auto& halves = static_cast<const arrow::HalfFloatArray&>(array);
      auto* out = arena.Make<float>(rows);
      for (std::int64_t i = 0; i < rows; ++i) {
        out[i] = arrow::util::Float16::FromBits(halves.Value(begin + i)).ToFloat();
      }
      column.type = Type::kFloat32;
      column.data = out;
      return column;
    }
    case arrow::Type::STRING:
      column.type = Type::kString;
      column.data = Strings<arrow::StringArray>(array, begin, rows, arena);
      return column;
    case arrow::Type::LARGE_STRING:
      column.type = Type::kString;
      column.data = Strings<arrow::LargeStringArray>(array, begin, rows, arena);
      return column;
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
      return FromList(array, begin, rows, column, arena);
    default:
      return InvalidArgument(
          "validations cannot look at values of type " + array.type()->ToString(),
          "they know numbers, booleans, strings and lists of these");
  }
}

Result<std::shared_ptr<arrow::Array>> ToArrow(const Column& column, std::int64_t rows) {
  if (column.type == Type::kList || column.type == Type::kUnknown) {
    return InvalidArgument("the expression gives a list, not one value a row",
                           "take one value of it, as with list.get(0) or list.max()");
  }
  arrow::Result<std::shared_ptr<arrow::Array>> made = BuildAny(column, rows);
  if (!made.ok()) return Internal("cannot make the values' array: " + made.status().ToString());
  return std::move(*made);
}

}  // namespace joey::expression
