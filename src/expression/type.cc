#include "expression/type.h"

#include <algorithm>
#include <array>

namespace joey::expression {

namespace {

int Bits(Type type) {
  switch (type) {
    case Type::kInt8:
    case Type::kUInt8:
      return 8;
    case Type::kInt16:
    case Type::kUInt16:
      return 16;
    case Type::kInt32:
    case Type::kUInt32:
    case Type::kFloat32:
      return 32;
    default:
      return 64;
  }
}

Type SignedOf(int bits) {
  if (bits <= 8) return Type::kInt8;
  if (bits <= 16) return Type::kInt16;
  return bits <= 32 ? Type::kInt32 : Type::kInt64;
}

}  // namespace

std::string_view TypeName(Type type) {
  static constexpr std::array<std::string_view, 15> kNames = {
      "unknown", "null",   "bool",   "int8",    "int16",   "int32",  "int64", "uint8",
      "uint16",  "uint32", "uint64", "float32", "float64", "string", "list"};
  return kNames[static_cast<std::size_t>(type)];
}

Type Supertype(Type a, Type b) {
  if (a == b) return a;
  if (a == Type::kBool) return b;
  if (b == Type::kBool) return a;
  if (IsFloat(a) || IsFloat(b)) {
    Type other = IsFloat(a) ? b : a;
    bool single = a != Type::kFloat64 && b != Type::kFloat64 && Bits(other) <= 16;
    return single ? Type::kFloat32 : Type::kFloat64;
  }
  if (IsSigned(a) == IsSigned(b)) return Bits(a) > Bits(b) ? a : b;
  Type whole = IsSigned(a) ? a : b;
  Type natural = IsSigned(a) ? b : a;
  if (natural == Type::kUInt64) return Type::kUnknown;
  return SignedOf(std::max(Bits(whole), 2 * Bits(natural)));
}

}  // namespace joey::expression
