// The JSON of Check steps as expressions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "expression/expr.h"

namespace joey::expression {

// One validation of a text.
struct Parsed {
  std::string name;
  Expr expr;
  Version version = Version::kCurrent;
  std::string text;  // legacy: the expression as check_failures shows it
};

// polars_json.cc: {"Alias": [EXPR, "name"]}
Result<Parsed> ParsePolars(const nlohmann::json& document);

// polars_version.cc
Version VersionOf(const nlohmann::json& document);

// polars_literal.cc: what stands in {"Literal": …}
Result<Expr> ParseLiteral(const nlohmann::json& value);
// The values of a literal list: a series of 0.18 to 1.x, the Arrow stream of later releases.
Result<std::vector<Scalar>> ParseLiteralList(const nlohmann::json& value);
// "Float64" and so on; kUnknown for others.
Type ParseType(std::string_view name);

// legacy_json.cc: {"values": …, "gauges": [], "validations": […]}
Result<std::vector<Parsed>> ParseLegacy(const nlohmann::json& document);

// Shared by the parsers. The member of an object, or null.
inline const nlohmann::json* Member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

// The error of something that Joey does not evaluate.
Status Refused(const std::string& what, const std::string& instead = "");

// The error of JSON that is no expression of any known release.
Status NotUnderstood(const std::string& what, const nlohmann::json& json);

// A number of at most 64 bits; null when it is none.
bool ParseInteger(const nlohmann::json& json, Scalar& out);

}  // namespace joey::expression
