// Polars expressions: the forms of releases 0.18 to 2.x become one tree.
#include <algorithm>
#include <array>

#include "expression/parse.h"
#include "expression/polars_function.h"

namespace joey::expression {

namespace {

using nlohmann::json;

class Parser {
 public:
  explicit Parser(Version version) : version_(version) {}

  Result<Expr> Parse(const json& node) {
    if (node.is_string()) return ParseWord(node.get<std::string>());
    if (!node.is_object() || node.size() != 1) return NotUnderstood("an expression", node);
    const std::string& kind = node.begin().key();
    const json& value = *node.begin();
    if (kind == "Column" && value.is_string()) {
      Expr expr;
      expr.op = Op::kColumn;
      expr.text = value.get<std::string>();
      return expr;
    }
    if (kind == "Literal") return ParseLiteral(value);
    if (kind == "Alias" && value.is_array() && value.size() == 2) return Parse(value[0]);
    if (kind == "BinaryExpr") return ParseBinary(value);
    if (kind == "Agg") return ParseAggregate(value);
    if (kind == "Cast") return ParseCast(value);
    if (kind == "Ternary") {
      return WithArgs(Op::kWhen, value, {"predicate", "truthy", "falsy"});
    }
    if (kind == "Function") return ParseFunction(value);
    if (kind == "Eval") return ParseEval(value);
    return Refused(NameOfExpression(kind));
  }

 private:
  Result<Expr> ParseWord(const std::string& word) {
    if (word != "Len" && word != "Count") return Refused(NameOfExpression(word));
    Expr expr;
    expr.op = Op::kLen;
    return expr;
  }

  // The members `names` of `value` as arguments.
  Result<Expr> WithArgs(Op op, const json& value, std::initializer_list<const char*> names) {
    Expr expr;
    expr.op = op;
    for (const char* name : names) {
      const json* member = Member(value, name);
      if (member == nullptr) return NotUnderstood("an expression", value);
      JOEY_ASSIGN_OR_RETURN(Expr arg, Parse(*member));
      expr.args.push_back(std::move(arg));
    }
    return expr;
  }

  Result<Expr> ParseBinary(const json& value) {
    static constexpr std::array<std::pair<std::string_view, Op>, 19> kOps = {{
        {"Eq", Op::kEq},
        {"NotEq", Op::kNotEq},
        {"Lt", Op::kLt},
        {"LtEq", Op::kLtEq},
        {"Gt", Op::kGt},
        {"GtEq", Op::kGtEq},
        {"EqValidity", Op::kEqMissing},
        {"NotEqValidity", Op::kNotEqMissing},
        {"Plus", Op::kAdd},
        {"Minus", Op::kSubtract},
        {"Multiply", Op::kMultiply},
        {"TrueDivide", Op::kDivide},
        {"FloorDivide", Op::kFloorDivide},
        {"Modulus", Op::kModulo},
        {"And", Op::kAnd},
        {"Or", Op::kOr},
        {"Xor", Op::kXor},
        {"LogicalAnd", Op::kAnd},
        {"LogicalOr", Op::kOr},
    }};
    const json* op = Member(value, "op");
    if (op == nullptr || !op->is_string()) return NotUnderstood("an operation", value);
    for (const auto& [name, known] : kOps) {
      if (name == op->get<std::string>()) return WithArgs(known, value, {"left", "right"});
    }
    return Refused("the operator " + op->get<std::string>());
  }

  Result<Expr> ParseAggregate(const json& value) {
    static constexpr std::array<std::pair<std::string_view, Op>, 11> kAggregates = {{
        {"Min", Op::kMin},
        {"Max", Op::kMax},
        {"Sum", Op::kSum},
        {"Mean", Op::kMean},
        {"Median", Op::kMedian},
        {"Std", Op::kStd},
        {"Var", Op::kVar},
        {"Count", Op::kCount},
        {"NUnique", Op::kNUnique},
        {"First", Op::kFirst},
        {"Last", Op::kLast},
    }};
    if (!value.is_object() || value.size() != 1) return NotUnderstood("an aggregate", value);
    const std::string& name = value.begin().key();
    const auto* found = std::find_if(kAggregates.begin(), kAggregates.end(),
                                     [&](const auto& known) { return known.first == name; });
    if (found == kAggregates.end()) return Refused(SnakeCase(name) + "() over the rows");
    Expr expr;
    expr.op = found->second;
    const json* input = &*value.begin();
    if (const json* inner = Member(*input, "input")) {
      const json* nans = Member(*input, "propagate_nans");
      if (nans != nullptr && *nans != false) return Refused("nan_" + SnakeCase(name) + "()");
      if (const json* nulls = Member(*input, "include_nulls");
          nulls != nullptr && *nulls != false) {
        expr.op = Op::kLen;
      }
      input = inner;
    } else if (input->is_array()) {
      if (input->size() != 2) return NotUnderstood("an aggregate", value);
      const json& second = (*input)[1];
      if (second.is_boolean()) {
        if (second.get<bool>()) expr.op = Op::kLen;
      } else if (second.is_number_unsigned() && second.get<std::uint64_t>() <= 255) {
        expr.number = second.get<int>();
      } else {
        return NotUnderstood("an aggregate", value);
      }
      input = &(*input)[0];
    } else if (name == "Count") {
      expr.op = Op::kLen;  // until 0.20 count() counted nulls as well
    }
    JOEY_ASSIGN_OR_RETURN(Expr arg, Parse(*input));
    expr.args.push_back(std::move(arg));
    return expr;
  }

  Result<Expr> ParseCast(const json& value) {
    const json* type = Member(value, "dtype");
    if (type == nullptr) type = Member(value, "data_type");
    if (type != nullptr && type->is_object()) type = Member(*type, "Literal");
    if (type == nullptr || !type->is_string()) return Refused("cast() to this type");
    JOEY_ASSIGN_OR_RETURN(Expr expr, WithArgs(Op::kCast, value, {"expr"}));
    expr.type = ParseType(type->get<std::string>());
    if (expr.type == Type::kUnknown || expr.type == Type::kString) {
      return Refused("cast() to " + type->get<std::string>());
    }
    const json* strict = Member(value, "strict");
    const json* options = Member(value, "options");
    if (strict != nullptr && strict->is_boolean()) {
      expr.flag = strict->get<bool>();
    } else if (options != nullptr && (*options == "Strict" || *options == "NonStrict")) {
      expr.flag = *options == "Strict";
    } else {
      return Refused("a cast() that wraps around", "strict=False");
    }
    return expr;
  }

  Result<Expr> ParseFunction(const json& value) {
    const json* inputs = Member(value, "input");
    const json* function = Member(value, "function");
    if (inputs == nullptr || !inputs->is_array() || function == nullptr) {
      return NotUnderstood("a function", value);
    }
    FunctionCall call;
    if (!SplitFunction(*function, call)) return NotUnderstood("a function", value);
    call.version = version_;
    const json* options = Member(value, "options");
    call.has_options = options != nullptr;
    call.inputs = inputs;
    for (std::size_t i = 0; i < inputs->size(); ++i) {
      if (IsValueList(call, i)) continue;
      JOEY_ASSIGN_OR_RETURN(Expr arg, Parse((*inputs)[i]));
      call.args.push_back(std::move(arg));
    }
    return MakeFunction(std::move(call));
  }

  // list.any() and list.all() of recent releases.
  Result<Expr> ParseEval(const json& value) {
    const json* evaluation = Member(value, "evaluation");
    const json* variant = Member(value, "variant");
    const json* function = evaluation == nullptr ? nullptr : Member(*evaluation, "Function");
    if (function != nullptr && variant != nullptr && *variant == "ListAgg") {
      const json* input = Member(*function, "input");
      const json* inner = Member(*function, "function");
      const json* boolean = inner == nullptr ? nullptr : Member(*inner, "Boolean");
      if (input != nullptr && *input == json::array({"Element"}) && boolean != nullptr) {
        for (const auto& [name, op] :
             {std::pair{"Any", Op::kListAny}, std::pair{"All", Op::kListAll}}) {
          const json* params = Member(*boolean, name);
          const json* nulls = params == nullptr ? nullptr : Member(*params, "ignore_nulls");
          if (nulls != nullptr && *nulls == true) return WithArgs(op, value, {"expr"});
        }
      }
    }
    return Refused("list.eval() and list.agg()");
  }

  Version version_;
};

}  // namespace

Result<Parsed> ParsePolars(const json& document) {
  const json* alias = Member(document, "Alias");
  bool named =
      alias != nullptr && alias->is_array() && alias->size() == 2 && (*alias)[1].is_string();
  if (!named) return NotUnderstood("a validation", document);
  Parsed out;
  out.name = (*alias)[1].get<std::string>();
  out.version = VersionOf(document);
  Parser parser(out.version);
  Result<Expr> expr = parser.Parse((*alias)[0]);
  if (!expr.ok()) return expr.status().WithContext("validation '" + out.name + "'");
  out.expr = std::move(*expr);
  return out;
}

}  // namespace joey::expression
