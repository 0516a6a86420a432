#include "expression/kernels.h"

namespace joey::expression {

namespace {

bool Test(Op op, std::string_view value, const std::string& text) {
  if (op == Op::kContains) return value.find(text) != std::string_view::npos;
  return op == Op::kStartsWith ? value.starts_with(text) : value.ends_with(text);
}

std::uint32_t Length(Op op, std::string_view value) {
  if (op == Op::kLenBytes) return static_cast<std::uint32_t>(value.size());
  std::uint32_t count = 0;
  // Every character has one byte that does not continue another.
  for (char c : value) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace

Result<Column> StringTest(const Expr& expr, const Column& a, Context& context) {
  if (a.type != Type::kString) {
    return InvalidArgument("the functions of .str need a text, not " + Describe(a));
  }
  bool length = expr.op == Op::kLenBytes || expr.op == Op::kLenChars;
  Column out = LikeOf(length ? Type::kUInt32 : Type::kBool, a);
  out.valid = a.valid;
  const auto* from = a.values<std::string_view>();
  if (length) {
    auto* values = context.arena.Make<std::uint32_t>(a.length);
    for (std::int64_t i = 0; i < a.length; ++i) {
      values[i] = a.IsValid(i) ? Length(expr.op, from[i]) : 0;
    }
    out.data = values;
  } else {
    auto* values = context.arena.Make<std::uint8_t>(a.length);
    for (std::int64_t i = 0; i < a.length; ++i) {
      values[i] = a.IsValid(i) && Test(expr.op, from[i], expr.text) ? 1 : 0;
    }
    out.data = values;
  }
  return out;
}

}  // namespace joey::expression
