// Expressions of add_validation(): {"node": "binop", "op": "<", "left": …, "right": …}.
#include <array>
#include <charconv>

#include "base/limits.h"
#include "expression/parse.h"

namespace joey::expression {

namespace {

using nlohmann::json;

struct Node {
  Expr expr;
  std::string text;
  bool operation = false;        // its text needs brackets inside others
  std::vector<Node> items = {};  // of a literal list
};

Result<Node> ParseNode(const json& json);

// Shortest, without exponent: "100", "0.5".
std::string FloatText(double value) {
  std::array<char, 400> text{};
  auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  return {text.data(), end.ptr};
}

Result<Node> ParseLiteralNode(const json& node) {
  Node out;
  if (const json* real = Member(node, "float"); real != nullptr && real->is_number()) {
    out.expr.literal = real->get<double>();
    out.text = FloatText(real->get<double>());
    return out;
  }
  if (const json* integer = Member(node, "integer"); integer != nullptr) {
    if (!ParseInteger(*integer, out.expr.literal)) return NotUnderstood("an integer", node);
    out.text = integer->dump();
    return out;
  }
  if (const json* list = Member(node, "list"); list != nullptr && list->is_array()) {
    for (const json& item : *list) {
      JOEY_ASSIGN_OR_RETURN(Node parsed, ParseNode(item));
      out.text += (out.items.empty() ? "[" : ", ") + parsed.text;
      out.items.push_back(std::move(parsed));
    }
    out.text += out.items.empty() ? "[]" : "]";
    return out;
  }
  return Refused("a validation with a period of time", "numbers");
}

Result<Node> ParseVariable(const json& node) {
  const json* model = Member(node, "variant_id");
  const json* name = model == nullptr ? nullptr : Member(*model, "name");
  const json* position = Member(node, "position");
  const json* key = Member(node, "key");
  bool whole = name != nullptr && name->is_string() && position != nullptr &&
               (*position == "input" || *position == "output") && key != nullptr &&
               key->is_array() && key->size() == 2;
  if (!whole) return NotUnderstood("an input or output of a model", node);
  for (const json& number : *key) {
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() > limits::kColumnsMax * 1000) {
      return NotUnderstood("an input or output of a model", node);
    }
  }
  Expr column;
  column.op = Op::kColumn;
  column.text =
      name->get<std::string>() + "." + position->get<std::string>() + "s[" + (*key)[0].dump() + "]";
  Node out;
  out.text = column.text + "[" + (*key)[1].dump() + "]";
  out.expr.op = Op::kElement;
  out.expr.number = (*key)[1].get<int>();
  out.expr.args.push_back(std::move(column));
  return out;
}

Expr Binary(Op op, Expr left, Expr right) {
  Expr out;
  out.op = op;
  out.args.push_back(std::move(left));
  out.args.push_back(std::move(right));
  return out;
}

// x in [a, b] is (x == a) | (x == b).
Result<Expr> OneOf(const Expr& value, std::vector<Node>& items) {
  if (CountNodes(value) * items.size() > limits::kExpressionNodesMax) {
    return InvalidArgument("a validation looks for a value among " + std::to_string(items.size()) +
                               " others, which is too many",
                           "compare with < and > instead");
  }
  Expr out;
  out.literal = false;
  bool first = true;
  for (Node& item : items) {
    Expr equal = Binary(Op::kEq, value, std::move(item.expr));
    out = first ? std::move(equal) : Binary(Op::kOr, std::move(out), std::move(equal));
    first = false;
  }
  return out;
}

std::string Inner(const Node& node) { return node.operation ? "(" + node.text + ")" : node.text; }

Result<Node> ParseBinary(const json& node) {
  static constexpr std::array<std::pair<std::string_view, Op>, 10> kOps = {{
      {"<", Op::kLt},
      {">", Op::kGt},
      {"<=", Op::kLtEq},
      {">=", Op::kGtEq},
      {"==", Op::kEq},
      {"+", Op::kAdd},
      {"-", Op::kSubtract},
      {"*", Op::kMultiply},
      {"/", Op::kDivide},
      {"in", Op::kIsIn},
  }};
  const json* op = Member(node, "op");
  const json* left = Member(node, "left");
  const json* right = Member(node, "right");
  if (op == nullptr || !op->is_string() || left == nullptr || right == nullptr) {
    return NotUnderstood("an operation", node);
  }
  JOEY_ASSIGN_OR_RETURN(Node a, ParseNode(*left));
  JOEY_ASSIGN_OR_RETURN(Node b, ParseNode(*right));
  for (const auto& [name, known] : kOps) {
    if (name != op->get<std::string>()) continue;
    bool list = known == Op::kIsIn;
    if (!a.items.empty() || (b.text.starts_with("[") != list)) {
      return NotUnderstood("an operation", node);
    }
    Node out;
    out.text = Inner(a) + " " + std::string(name) + " " + Inner(b);
    out.operation = true;
    if (list) {
      JOEY_ASSIGN_OR_RETURN(out.expr, OneOf(a.expr, b.items));
    } else {
      out.expr = Binary(known, std::move(a.expr), std::move(b.expr));
    }
    return out;
  }
  return Refused("the operator " + op->get<std::string>());
}

Result<Node> ParseFunction(const json& node) {
  const json* name = Member(node, "fn");
  const json* arguments = Member(node, "arguments");
  if (name == nullptr || !name->is_string() || arguments == nullptr || !arguments->is_array()) {
    return NotUnderstood("a function", node);
  }
  if (*name != "abs") {
    return Refused("the function " + name->get<std::string>() + "() of a validation",
                   "abs(), or polars expressions with add_validations()");
  }
  if (arguments->size() != 1) return NotUnderstood("abs()", node);
  JOEY_ASSIGN_OR_RETURN(Node argument, ParseNode((*arguments)[0]));
  Node out;
  out.text = "abs(" + argument.text + ")";
  out.expr.op = Op::kAbs;
  out.expr.args.push_back(std::move(argument.expr));
  return out;
}

Result<Node> ParseNode(const json& node) {
  const json* kind = Member(node, "node");
  if (kind != nullptr && *kind == "binop") return ParseBinary(node);
  if (kind != nullptr && *kind == "variable") return ParseVariable(node);
  if (kind != nullptr && *kind == "literal") return ParseLiteralNode(node);
  if (kind != nullptr && *kind == "fn") return ParseFunction(node);
  return NotUnderstood("an expression", node);
}

}  // namespace

Result<std::vector<Parsed>> ParseLegacy(const json& document) {
  const json* values = Member(document, "values");
  const json* gauges = Member(document, "gauges");
  const json* validations = Member(document, "validations");
  if (!values->is_object() || validations == nullptr || !validations->is_array()) {
    return NotUnderstood("a validation", document);
  }
  if (gauges != nullptr && !gauges->empty()) return Refused("a gauge");
  std::vector<Parsed> out;
  for (const json& name : *validations) {
    const json* value =
        name.is_string() ? Member(*values, name.get_ref<const std::string&>().c_str()) : nullptr;
    const json* root = value == nullptr ? nullptr : Member(*value, "root");
    if (root == nullptr) return NotUnderstood("a validation", document);
    Result<Node> node = ParseNode(*root);
    if (!node.ok()) {
      return node.status().WithContext("validation '" + name.get<std::string>() + "'");
    }
    Parsed parsed;
    parsed.name = name.get<std::string>();
    parsed.expr = std::move(node->expr);
    parsed.text = std::move(node->text);
    out.push_back(std::move(parsed));
  }
  return out;
}

}  // namespace joey::expression
