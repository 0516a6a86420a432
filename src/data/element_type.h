// The element types that travel between requests, models and logs (guide F15, L923-956).
#pragma once

#include <arrow/type_fwd.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace joey {

enum class ElementType {
  kFloat16,
  kBFloat16,  // travels as float32 outside of models
  kFloat32,
  kFloat64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kBool,    // one byte in tensors, one bit in Arrow
  kString,  // UTF-8
};

std::string_view ElementTypeName(ElementType type);  // "float32" …

// Bytes of one element in a tensor; 0 for strings.
std::size_t ElementSize(ElementType type);

// The Arrow type of a tensor's elements; bfloat16 gives float32.
const std::shared_ptr<arrow::DataType>& ArrowElementType(ElementType type);

// The other way, for plain values; nullopt for lists, dates and other types that no tensor has.
std::optional<ElementType> ElementTypeOf(const arrow::DataType& type);

bool IsFloating(ElementType type);
bool IsInteger(ElementType type);

}  // namespace joey
