// The functions of polars expressions.
#pragma once

#include <string>
#include <vector>

#include "expression/parse.h"

namespace joey::expression {

// {"input": […], "function": {"ListExpr": {"Get": true}}}
struct FunctionCall {
  std::string group;                       // "ListExpr"; empty for functions without one
  std::string name;                        // "Get"
  const nlohmann::json* params = nullptr;  // true; null when there are none
  const nlohmann::json* inputs = nullptr;
  std::vector<Expr> args;  // the inputs, but for a list of values
  Version version = Version::kCurrent;
  bool has_options = false;
};

// Fills group, name and params; false when `function` has no such form.
bool SplitFunction(const nlohmann::json& function, FunctionCall& call);

// Whether the input is a list of values, which is no expression.
bool IsValueList(const FunctionCall& call, std::size_t input);

Result<Expr> MakeFunction(FunctionCall call);

// "ArgMax" as "arg_max".
std::string SnakeCase(const std::string& name);

// "pl.all() and selections of several columns" for "Wildcard": how errors name an expression.
std::string NameOfExpression(const std::string& kind);

}  // namespace joey::expression
