// The types of values inside expressions, and how two of them become one.
#pragma once

#include <cstdint>
#include <string_view>

namespace joey::expression {

enum class Type : std::uint8_t {
  kUnknown,  // not known at deploy time; whatever is made of it is unknown as well
  kNull,     // the type of a bare null
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat32,
  kFloat64,
  kString,
  kList,
};

std::string_view TypeName(Type type);  // "int8", …

inline bool IsSigned(Type type) { return type >= Type::kInt8 && type <= Type::kInt64; }
inline bool IsUnsigned(Type type) { return type >= Type::kUInt8 && type <= Type::kUInt64; }
inline bool IsInteger(Type type) { return IsSigned(type) || IsUnsigned(type); }
inline bool IsFloat(Type type) { return type == Type::kFloat32 || type == Type::kFloat64; }
inline bool IsNumber(Type type) { return IsInteger(type) || IsFloat(type); }

// The type that holds the values of both numbers or booleans, as polars has it; kUnknown where its
// releases differ (uint64 with a signed integer).
Type Supertype(Type a, Type b);

template <typename T>
struct Tag {
  using type = T;
};

// Calls `f` with the Tag of the C++ type of a number type.
template <typename F>
auto VisitNumber(Type type, F&& f) {
  switch (type) {
    case Type::kInt8:
      return f(Tag<std::int8_t>{});
    case Type::kInt16:
      return f(Tag<std::int16_t>{});
    case Type::kInt32:
      return f(Tag<std::int32_t>{});
    case Type::kInt64:
      return f(Tag<std::int64_t>{});
    case Type::kUInt8:
      return f(Tag<std::uint8_t>{});
    case Type::kUInt16:
      return f(Tag<std::uint16_t>{});
    case Type::kUInt32:
      return f(Tag<std::uint32_t>{});
    case Type::kUInt64:
      return f(Tag<std::uint64_t>{});
    case Type::kFloat32:
      return f(Tag<float>{});
    default:
      return f(Tag<double>{});
  }
}

}  // namespace joey::expression
