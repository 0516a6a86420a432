#include "expression/polars_function.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

namespace joey::expression {

namespace {

using nlohmann::json;

// Functions that need nothing but their arguments.
struct Simple {
  std::string_view group;
  std::string_view name;
  Op op;
  int args;  // -1: one or more
};

constexpr std::array<Simple, 39> kSimple = {{
    {"", "Abs", Op::kAbs, 1},
    {"", "Negate", Op::kNegate, 1},
    {"", "Floor", Op::kFloor, 1},
    {"", "Ceil", Op::kCeil, 1},
    {"", "Exp", Op::kExp, 1},
    {"", "FillNull", Op::kFillNull, 2},
    {"", "Coalesce", Op::kCoalesce, -1},
    {"", "NullCount", Op::kNullCount, 1},
    {"Pow", "Generic", Op::kPower, 2},
    {"Pow", "Sqrt", Op::kSqrt, 1},
    {"Boolean", "Not", Op::kNot, 1},
    {"Boolean", "IsNot", Op::kNot, 1},
    {"Boolean", "IsNull", Op::kIsNull, 1},
    {"Boolean", "IsNotNull", Op::kIsNotNull, 1},
    {"Boolean", "IsNan", Op::kIsNan, 1},
    {"Boolean", "IsNotNan", Op::kIsNotNan, 1},
    {"Boolean", "IsFinite", Op::kIsFinite, 1},
    {"Boolean", "IsInfinite", Op::kIsInfinite, 1},
    {"Boolean", "AnyHorizontal", Op::kAnyHorizontal, -1},
    {"Boolean", "AllHorizontal", Op::kAllHorizontal, -1},
    {"Boolean", "IsIn", Op::kIsIn, 1},
    {"Boolean", "IsBetween", Op::kIsBetween, 3},
    {"Boolean", "Any", Op::kAny, 1},
    {"Boolean", "All", Op::kAll, 1},
    {"StringExpr", "StartsWith", Op::kStartsWith, 2},
    {"StringExpr", "EndsWith", Op::kEndsWith, 2},
    {"StringExpr", "Contains", Op::kContains, 2},
    {"StringExpr", "LenBytes", Op::kLenBytes, 1},
    {"StringExpr", "Length", Op::kLenBytes, 1},
    {"StringExpr", "LenChars", Op::kLenChars, 1},
    {"StringExpr", "NChars", Op::kLenChars, 1},
    {"ListExpr", "Min", Op::kListMin, 1},
    {"ListExpr", "Max", Op::kListMax, 1},
    {"ListExpr", "Mean", Op::kListMean, 1},
    {"ListExpr", "Sum", Op::kListSum, 1},
    {"ListExpr", "Length", Op::kListLen, 1},
    {"ListExpr", "Any", Op::kListAny, 1},
    {"ListExpr", "All", Op::kListAll, 1},
    {"ListExpr", "Contains", Op::kListContains, 2},
}};

bool IsGroup(const std::string& key) {
  static constexpr std::array<std::string_view, 14> kGroups = {
      "Boolean",      "ListExpr",   "ArrayExpr",   "StringExpr", "StructExpr",
      "TemporalExpr", "BinaryExpr", "Categorical", "Pow",        "Trigonometry",
      "RollingExpr",  "Bitwise",    "Range",       "Random"};
  return std::find(kGroups.begin(), kGroups.end(), key) != kGroups.end();
}

// "list.get()", "str.contains()", "rolling_mean()": as it is written in Python.
std::string PythonName(const FunctionCall& call) {
  std::string prefix;
  if (call.group == "ListExpr") prefix = "list.";
  if (call.group == "ArrayExpr") prefix = "arr.";
  if (call.group == "StringExpr") prefix = "str.";
  if (call.group == "StructExpr") prefix = "struct.";
  if (call.group == "TemporalExpr") prefix = "dt.";
  if (call.group == "RollingExpr") prefix = "rolling_";
  return prefix + SnakeCase(call.name) + "()";
}

// A member of the parameters that is true.
bool IsSet(const FunctionCall& call, const char* name) {
  const json* member = call.params == nullptr ? nullptr : Member(*call.params, name);
  return member != nullptr && *member == true;
}

// The text that a function looks for.
Status TakeText(Expr& expr, const FunctionCall& call) {
  const auto* text = std::get_if<std::string>(&expr.args[1].literal);
  if (expr.args[1].op != Op::kLiteral || text == nullptr) {
    return Refused(PythonName(call) + " with something other than a text");
  }
  expr.text = *text;
  expr.args.pop_back();
  return {};
}

Status FinishContains(Expr& expr, const FunctionCall& call) {
  JOEY_RETURN_IF_ERROR(TakeText(expr, call));
  bool pattern = expr.text.find_first_of(".^$*+?()[]{}|\\") != std::string::npos;
  if (pattern && !IsSet(call, "literal")) {
    return Refused("str.contains() with a regular expression", "literal=True");
  }
  return {};
}

Status FinishIsIn(Expr& expr, const FunctionCall& call) {
  if (IsSet(call, "nulls_equal")) return Refused("is_in() with nulls_equal=True");
  if (call.inputs->size() != 2 || !IsValueList(call, 1)) {
    return Refused("is_in() with something other than a list of values",
                   "list.contains() for a column of lists");
  }
  JOEY_ASSIGN_OR_RETURN(expr.list, ParseLiteralList(*Member((*call.inputs)[1], "Literal")));
  return {};
}

Status FinishBetween(Expr& expr, const FunctionCall& call) {
  const json* closed = call.params == nullptr ? nullptr : Member(*call.params, "closed");
  static constexpr std::array<std::string_view, 4> kClosed = {"None", "Left", "Right", "Both"};
  for (int i = 0; i < 4; ++i) {
    if (closed == nullptr || *closed != kClosed[static_cast<std::size_t>(i)]) continue;
    expr.number = i;
    return {};
  }
  return NotUnderstood("is_between()", *call.inputs);
}

Status FinishListContains(Expr& expr, const FunctionCall& call) {
  const Expr& wanted = expr.args[1];
  if (wanted.op != Op::kLiteral || wanted.literal.index() == 0) {
    return Refused("list.contains() with something other than a value");
  }
  expr.list.push_back(wanted.literal);
  expr.args.pop_back();
  expr.flag = call.params != nullptr;
  return {};
}

Status Finish(Expr& expr, const FunctionCall& call) {
  switch (expr.op) {
    case Op::kIsIn:
      return FinishIsIn(expr, call);
    case Op::kIsBetween:
      return FinishBetween(expr, call);
    case Op::kContains:
      return FinishContains(expr, call);
    case Op::kStartsWith:
    case Op::kEndsWith:
      return TakeText(expr, call);
    case Op::kListContains:
      return FinishListContains(expr, call);
    case Op::kListMean:
      // While functions had options polars planned the mean of float32 as float64, so that it meets
      // numbers of the expression as such.
      expr.flag = call.has_options;
      return {};
    case Op::kAny:
    case Op::kAll:
      expr.flag = IsSet(call, "ignore_nulls") || IsSet(call, "drop_nulls");
      return {};
    default:
      return {};
  }
}

Result<Expr> Get(FunctionCall call) {
  if (call.args.size() != 2) return NotUnderstood("list.get()", *call.inputs);
  Expr expr;
  expr.op = Op::kListGet;
  // Until 0.20 there was no choice.
  expr.flag = call.params == nullptr || *call.params == true;
  expr.args = std::move(call.args);
  return expr;
}

Result<Expr> Round(FunctionCall call) {
  const json* decimals = call.params == nullptr ? nullptr : Member(*call.params, "decimals");
  bool known = decimals != nullptr && decimals->is_number_unsigned() && call.args.size() == 1;
  if (!known || decimals->get<std::uint64_t>() > 10) return Refused("round() of this kind");
  Expr expr;
  expr.op = Op::kRound;
  expr.number = decimals->get<int>();
  const json* mode = Member(*call.params, "mode");
  if (mode != nullptr && *mode != "HalfToEven" && *mode != "HalfAwayFromZero") {
    return Refused("round() of this mode");
  }
  expr.flag = mode != nullptr && *mode == "HalfToEven";
  expr.args = std::move(call.args);
  return expr;
}

Result<Expr> Log(FunctionCall call) {
  Expr expr;
  expr.op = Op::kLog;
  if (call.args.size() == 2) {
    const auto* base = std::get_if<double>(&call.args[1].literal);
    if (base == nullptr) return Refused("log() to a base that is no number");
    expr.real = *base;
    call.args.pop_back();
  } else {
    const json* base = call.params == nullptr ? nullptr : Member(*call.params, "base");
    if (base == nullptr || !base->is_number() || call.args.size() != 1) {
      return Refused("log() of this kind");
    }
    expr.real = base->get<double>();
  }
  expr.args = std::move(call.args);
  return expr;
}

Result<Expr> Clip(FunctionCall call) {
  Expr expr;
  expr.op = Op::kClip;
  const json* params = call.params;
  if (params == nullptr || call.args.empty()) return Refused("clip() of this kind");
  Expr none;
  if (Member(*params, "has_min") != nullptr) {
    bool lower = IsSet(call, "has_min");
    bool upper = IsSet(call, "has_max");
    if (call.args.size() != 1U + (lower ? 1 : 0) + (upper ? 1 : 0)) {
      return NotUnderstood("clip()", *call.inputs);
    }
    expr.number = (lower ? 1 : 0) | (upper ? 2 : 0);
    expr.args.push_back(std::move(call.args[0]));
    expr.args.push_back(lower ? std::move(call.args[1]) : none);
    expr.args.push_back(upper ? std::move(call.args.back()) : none);
    return expr;
  }
  expr.args = std::move(call.args);
  int bit = 1;
  for (const char* name : {"min", "max"}) {
    const json* bound = Member(*params, name);
    if (bound == nullptr || bound->is_null()) {
      expr.args.push_back(none);
    } else {
      JOEY_ASSIGN_OR_RETURN(Expr literal, ParseLiteral(*bound));
      expr.args.push_back(std::move(literal));
      expr.number |= bit;
    }
    bit *= 2;
  }
  return expr;
}

}  // namespace

std::string SnakeCase(const std::string& name) {
  std::string out;
  for (char c : name) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 && !out.empty()) out += '_';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string NameOfExpression(const std::string& kind) {
  if (kind == "Wildcard" || kind == "Columns" || kind == "Selector" || kind == "DtypeColumn") {
    return "pl.all() or a selection of several columns";
  }
  if (kind == "Window" || kind == "Over") return "over()";
  return SnakeCase(kind) + "()";
}

bool SplitFunction(const json& function, FunctionCall& call) {
  if (function.is_string()) {
    call.name = function.get<std::string>();
    return true;
  }
  if (!function.is_object() || function.size() != 1) return false;
  const std::string& key = function.begin().key();
  const json& value = *function.begin();
  if (!IsGroup(key)) {
    call.name = key;
    call.params = &value;
    return true;
  }
  call.group = key;
  if (value.is_string()) {
    call.name = value.get<std::string>();
    return true;
  }
  if (!value.is_object() || value.size() != 1) return false;
  call.name = value.begin().key();
  call.params = &*value.begin();
  return true;
}

bool IsValueList(const FunctionCall& call, std::size_t input) {
  if (call.name != "IsIn" || input != 1 || input >= call.inputs->size()) return false;
  const json* literal = Member((*call.inputs)[1], "Literal");
  if (literal == nullptr) return false;
  const json* scalar = Member(*literal, "Scalar");
  if (scalar != nullptr) {
    if (const json* inner = Member(*scalar, "value")) scalar = inner;
  }
  return Member(*literal, "Series") != nullptr ||
         (scalar != nullptr && Member(*scalar, "List") != nullptr);
}

Result<Expr> MakeFunction(FunctionCall call) {
  bool of_lists = call.group == "ListExpr" || call.group == "ArrayExpr";
  if (of_lists && call.name == "Get") return Get(std::move(call));
  if (call.group.empty() && call.name == "Round") return Round(std::move(call));
  if (call.group.empty() && call.name == "Log") return Log(std::move(call));
  if (call.group.empty() && call.name == "Clip") return Clip(std::move(call));
  bool as_list =
      call.group == "ArrayExpr" && (call.name == "Min" || call.name == "Max" || call.name == "Sum");
  std::string_view group = as_list ? "ListExpr" : std::string_view(call.group);
  for (const Simple& simple : kSimple) {
    if (simple.group != group || simple.name != call.name) continue;
    bool enough = simple.args < 0 ? !call.args.empty()
                                  : call.args.size() == static_cast<std::size_t>(simple.args);
    if (!enough && simple.op != Op::kIsIn) return NotUnderstood(PythonName(call), *call.inputs);
    Expr expr;
    expr.op = simple.op;
    expr.args = std::move(call.args);
    JOEY_RETURN_IF_ERROR(Finish(expr, call));
    return expr;
  }
  return Refused(PythonName(call));
}

}  // namespace joey::expression
