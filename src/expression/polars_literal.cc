#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/type_traits.h>

#include <array>
#include <utility>

#include "expression/parse.h"

namespace joey::expression {

namespace {

using nlohmann::json;

Expr Bare(Scalar value) {
  Expr expr;
  expr.literal = std::move(value);
  return expr;
}

Expr Typed(Scalar value, Type type) {
  Expr cast;
  cast.op = Op::kCast;
  cast.type = type;
  cast.flag = true;
  cast.args.push_back(Bare(std::move(value)));
  return cast;
}

Result<Scalar> FloatOf(const json& value) {
  if (value.is_number()) return Scalar(value.get<double>());
  return InvalidArgument("NaN and infinity cannot be told apart in the JSON of polars expressions",
                         "use is_nan() or is_infinite()");
}

Result<Scalar> IntegerOf(const json& value) {
  Scalar out;
  if (!ParseInteger(value, out)) return NotUnderstood("an integer", value);
  return out;
}

// {"Int8": 1}, {"String": "x"} and so on.
Result<Expr> ParseValue(const std::string& kind, const json& value) {
  if (kind == "Null") return Bare(Scalar());
  if (kind == "Boolean" && value.is_boolean()) return Bare(value.get<bool>());
  bool text = kind == "Utf8" || kind == "String" || kind == "StringOwned";
  if (text && value.is_string()) return Bare(value.get<std::string>());
  Type type = ParseType(kind);
  if (IsInteger(type)) {
    JOEY_ASSIGN_OR_RETURN(Scalar integer, IntegerOf(value));
    return Typed(std::move(integer), type);
  }
  if (IsFloat(type)) {
    JOEY_ASSIGN_OR_RETURN(Scalar real, FloatOf(value));
    return Typed(std::move(real), type);
  }
  return Refused("a literal of type " + kind);
}

// Numbers that follow the type of what they meet.
bool IsBareInteger(const std::string& kind) {
  return kind == "Int" || kind == "Int32" || kind == "Int64" || kind == "UInt64";
}
bool IsBareFloat(const std::string& kind) { return kind == "Float" || kind == "Float64"; }

// {"Int": 1} as it stands in a literal of 0.18 to 1.x and in "Dyn" later.
Result<Expr> ParseBare(const std::string& kind, const json& value) {
  if (IsBareInteger(kind)) {
    JOEY_ASSIGN_OR_RETURN(Scalar integer, IntegerOf(value));
    return Bare(std::move(integer));
  }
  if (IsBareFloat(kind)) {
    JOEY_ASSIGN_OR_RETURN(Scalar real, FloatOf(value));
    return Bare(std::move(real));
  }
  return ParseValue(kind, value);
}

// The one member of an object.
bool Single(const json& object, std::string& key, const json*& value) {
  if (!object.is_object() || object.size() != 1) return false;
  key = object.begin().key();
  value = &*object.begin();
  return true;
}

template <typename Array>
Result<std::vector<Scalar>> IntegersOf(const arrow::Array& array) {
  std::vector<Scalar> out;
  for (std::int64_t i = 0; i < array.length(); ++i) {
    auto value = static_cast<const Array&>(array).Value(i);
    if (!std::in_range<std::int64_t>(value)) return Refused("is_in() with numbers beyond int64");
    out.emplace_back(static_cast<std::int64_t>(value));
  }
  return out;
}

template <typename Array>
std::vector<Scalar> TextsOf(const arrow::Array& array) {
  std::vector<Scalar> out;
  for (std::int64_t i = 0; i < array.length(); ++i) {
    out.emplace_back(static_cast<const Array&>(array).GetString(i));
  }
  return out;
}

Result<std::vector<Scalar>> ScalarsOf(const arrow::Array& array) {
  if (array.null_count() != 0) return Refused("is_in() with None among its values", "is_null()");
  std::vector<Scalar> out;
  switch (array.type_id()) {
    case arrow::Type::NA:
      return out;
    case arrow::Type::INT8:
      return IntegersOf<arrow::Int8Array>(array);
    case arrow::Type::INT16:
      return IntegersOf<arrow::Int16Array>(array);
    case arrow::Type::INT32:
      return IntegersOf<arrow::Int32Array>(array);
    case arrow::Type::INT64:
      return IntegersOf<arrow::Int64Array>(array);
    case arrow::Type::UINT8:
      return IntegersOf<arrow::UInt8Array>(array);
    case arrow::Type::UINT16:
      return IntegersOf<arrow::UInt16Array>(array);
    case arrow::Type::UINT32:
      return IntegersOf<arrow::UInt32Array>(array);
    case arrow::Type::UINT64:
      return IntegersOf<arrow::UInt64Array>(array);
    case arrow::Type::DOUBLE:
      for (std::int64_t i = 0; i < array.length(); ++i) {
        out.emplace_back(static_cast<const arrow::DoubleArray&>(array).Value(i));
      }
      return out;
    case arrow::Type::BOOL:
      for (std::int64_t i = 0; i < array.length(); ++i) {
        out.emplace_back(static_cast<const arrow::BooleanArray&>(array).Value(i));
      }
      return out;
    case arrow::Type::STRING:
      return TextsOf<arrow::StringArray>(array);
    case arrow::Type::LARGE_STRING:
      return TextsOf<arrow::LargeStringArray>(array);
    case arrow::Type::STRING_VIEW:
      return TextsOf<arrow::StringViewArray>(array);
    default:
      return Refused("is_in() with values of type " + array.type()->ToString());
  }
}

// The bytes of an Arrow stream with one column, as numbers.
Result<std::vector<Scalar>> ParseStream(const json& bytes) {
  std::string stream;
  for (const json& byte : bytes) {
    if (!byte.is_number_unsigned() || byte.get<std::uint64_t>() > 255) {
      return NotUnderstood("the values of a list", bytes);
    }
    stream.push_back(static_cast<char>(byte.get<std::uint64_t>()));
  }
  arrow::io::BufferReader input(arrow::Buffer::FromString(std::move(stream)));
  auto reader = arrow::ipc::RecordBatchStreamReader::Open(&input);
  if (!reader.ok()) return NotUnderstood("the values of a list", bytes);
  std::vector<Scalar> out;
  while (true) {
    auto batch = (*reader)->Next();
    if (!batch.ok()) return NotUnderstood("the values of a list", bytes);
    if (*batch == nullptr) return out;
    if ((*batch)->num_columns() != 1 || !(*batch)->ValidateFull().ok()) {
      return NotUnderstood("the values of a list", bytes);
    }
    JOEY_ASSIGN_OR_RETURN(std::vector<Scalar> values, ScalarsOf(*(*batch)->column(0)));
    if (!out.empty() && !values.empty() && out.front().index() != values.front().index()) {
      return NotUnderstood("the values of a list", bytes);
    }
    out.insert(out.end(), values.begin(), values.end());
  }
}

// {"datatype": "Int64", "values": [1, 2]}
Result<std::vector<Scalar>> ParseSeries(const json& series) {
  const json* kind = Member(series, "datatype");
  const json* values = Member(series, "values");
  if (kind == nullptr || !kind->is_string() || values == nullptr || !values->is_array()) {
    return NotUnderstood("the values of a list", series);
  }
  std::vector<Scalar> out;
  for (const json& value : *values) {
    if (value.is_null()) {
      return Refused("is_in() with None, NaN or infinity among its values",
                     "is_null(), is_nan() or is_infinite()");
    }
    JOEY_ASSIGN_OR_RETURN(Expr literal, ParseValue(kind->get<std::string>(), value));
    const Expr& bare = literal.op == Op::kCast ? literal.args[0] : literal;
    bool single = literal.op == Op::kCast && literal.type == Type::kFloat32;
    if (single || std::holds_alternative<std::uint64_t>(bare.literal)) {
      return Refused("is_in() with values of type " + kind->get<std::string>());
    }
    out.push_back(bare.literal);
  }
  return out;
}

}  // namespace

bool ParseInteger(const json& value, Scalar& out) {
  if (value.is_number_unsigned()) {
    auto natural = value.get<std::uint64_t>();
    if (std::in_range<std::int64_t>(natural)) {
      out = static_cast<std::int64_t>(natural);
    } else {
      out = natural;
    }
    return true;
  }
  if (!value.is_number_integer()) return false;
  out = value.get<std::int64_t>();
  return true;
}

Type ParseType(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Type>, 13> kTypes = {{
      {"Boolean", Type::kBool},
      {"Int8", Type::kInt8},
      {"Int16", Type::kInt16},
      {"Int32", Type::kInt32},
      {"Int64", Type::kInt64},
      {"UInt8", Type::kUInt8},
      {"UInt16", Type::kUInt16},
      {"UInt32", Type::kUInt32},
      {"UInt64", Type::kUInt64},
      {"Float32", Type::kFloat32},
      {"Float64", Type::kFloat64},
      {"Utf8", Type::kString},
      {"String", Type::kString},
  }};
  for (const auto& [known, type] : kTypes) {
    if (known == name) return type;
  }
  return Type::kUnknown;
}

Result<Expr> ParseLiteral(const json& literal) {
  if (literal.is_string() && literal.get<std::string>() == "Null") return Bare(Scalar());
  std::string kind;
  const json* value = nullptr;
  if (!Single(literal, kind, value)) return NotUnderstood("a literal", literal);
  if (kind == "Dyn") {
    if (!Single(*value, kind, value)) return NotUnderstood("a literal", literal);
    return ParseBare(kind, *value);
  }
  if (kind != "Scalar") return ParseBare(kind, *value);
  // {"dtype": "String", "value": {"String": "x"}} for some releases.
  if (const json* inner = Member(*value, "value")) value = inner;
  if (value->is_string() && value->get<std::string>() == "Null") return Bare(Scalar());
  if (!Single(*value, kind, value)) return NotUnderstood("a literal", literal);
  return ParseValue(kind, *value);
}

Result<std::vector<Scalar>> ParseLiteralList(const json& literal) {
  const json* value = Member(literal, "Series");
  if (const json* scalar = Member(literal, "Scalar")) {
    if (const json* inner = Member(*scalar, "value")) scalar = inner;
    value = Member(*scalar, "List");
  }
  if (value == nullptr) return NotUnderstood("the values of a list", literal);
  return value->is_array() ? ParseStream(*value) : ParseSeries(*value);
}

}  // namespace joey::expression
