#include "data/element_type.h"

#include <arrow/type.h>

#include <array>

namespace joey {

namespace {

struct TypeFacts {
  std::string_view name;
  std::size_t size;
  std::shared_ptr<arrow::DataType> arrow_type;
};

// In the order of ElementType.
const std::array<TypeFacts, 14>& Facts() {
  static const auto* facts = new std::array<TypeFacts, 14>{{
      {"float16", 2, arrow::float16()},
      {"bfloat16", 2, arrow::float32()},
      {"float32", 4, arrow::float32()},
      {"float64", 8, arrow::float64()},
      {"int8", 1, arrow::int8()},
      {"int16", 2, arrow::int16()},
      {"int32", 4, arrow::int32()},
      {"int64", 8, arrow::int64()},
      {"uint8", 1, arrow::uint8()},
      {"uint16", 2, arrow::uint16()},
      {"uint32", 4, arrow::uint32()},
      {"uint64", 8, arrow::uint64()},
      {"bool", 1, arrow::boolean()},
      {"string", 0, arrow::utf8()},
  }};
  return *facts;
}

const TypeFacts& FactsOf(ElementType type) { return Facts()[static_cast<std::size_t>(type)]; }

}  // namespace

std::string_view ElementTypeName(ElementType type) { return FactsOf(type).name; }
std::size_t ElementSize(ElementType type) { return FactsOf(type).size; }
const std::shared_ptr<arrow::DataType>& ArrowElementType(ElementType type) {
  return FactsOf(type).arrow_type;
}
std::optional<ElementType> ElementTypeOf(const arrow::DataType& type) {
  if (type.id() == arrow::Type::LARGE_STRING) return ElementType::kString;
  for (std::size_t i = 0; i < Facts().size(); ++i) {
    const auto element = static_cast<ElementType>(i);
    if (element == ElementType::kBFloat16) continue;  // its Arrow type is float32's
    if (Facts()[i].arrow_type->id() == type.id()) return element;
  }
  return std::nullopt;
}
bool IsFloating(ElementType type) { return type <= ElementType::kFloat64; }
bool IsInteger(ElementType type) {
  return type >= ElementType::kInt8 && type <= ElementType::kUInt64;
}

}  // namespace joey
