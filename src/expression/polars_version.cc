// Which release of polars wrote an expression: its JSON does not say, but its forms differ.
#include <array>

#include "expression/parse.h"

namespace joey::expression {

namespace {

struct Signs {
  bool explodes = false;     // options of 0.18
  bool supertypes = false;   // options of 0.18 to 0.20
  bool options = false;      // options of 1.0 and later
  bool no_options = false;   // functions of 1.3x and later
  bool old_literal = false;  // Int32, Float64, Utf8: 0.18 and 0.19
  bool new_literal = false;  // Int, Float, String, Dyn, Scalar
  bool strict_cast = false;  // 0.18 to 0.20
};

void LookAtFunction(const nlohmann::json& function, Signs& signs) {
  const nlohmann::json* options = Member(function, "options");
  if (options == nullptr) {
    signs.no_options = true;
  } else if (options->contains("auto_explode")) {
    signs.explodes = true;
  } else if (options->contains("cast_to_supertypes")) {
    signs.supertypes = true;
  } else {
    signs.options = true;
  }
}

void LookAtLiteral(const nlohmann::json& literal, Signs& signs) {
  for (const char* name : {"Int32", "Int64", "UInt64", "Float64", "Utf8"}) {
    if (Member(literal, name) != nullptr) signs.old_literal = true;
  }
  for (const char* name : {"Int", "Float", "String", "Dyn", "Scalar"}) {
    if (Member(literal, name) != nullptr) signs.new_literal = true;
  }
}

void Look(const nlohmann::json& json, Signs& signs) {
  if (json.is_array()) {
    for (const nlohmann::json& item : json) Look(item, signs);
    return;
  }
  if (!json.is_object()) return;
  for (const auto& [key, value] : json.items()) {
    if (key == "Function" && value.is_object()) LookAtFunction(value, signs);
    if (key == "Cast" && Member(value, "strict") != nullptr) signs.strict_cast = true;
    if (key == "Literal") {
      LookAtLiteral(value, signs);
    } else {
      Look(value, signs);
    }
  }
}

}  // namespace

Version VersionOf(const nlohmann::json& document) {
  Signs signs;
  Look(document, signs);
  if (signs.explodes) return Version::k018;
  if (signs.old_literal) return signs.supertypes ? Version::k019 : Version::k018;
  if (signs.supertypes || signs.strict_cast) return Version::k020;
  if (signs.options) return Version::k1;
  return Version::kCurrent;
}

}  // namespace joey::expression
