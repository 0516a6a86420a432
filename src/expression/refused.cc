#include "expression/parse.h"

namespace joey::expression {

Status Refused(const std::string& what, const std::string& instead) {
  std::string hint = instead.empty() ? "" : "use " + instead + "; ";
  return {
      Code::kUnimplemented, what + " is not supported in validations",
      hint +
          "there are comparisons, & | ^ ~, + - * / // % **, is_null, is_nan, is_finite, is_in, "
          "is_between, fill_null, coalesce, when/then/otherwise, cast, abs, round, floor, ceil, "
          "sqrt, log, exp, clip; list.get, first, last, min, max, mean, sum, len, contains, "
          "any, all; str.contains, starts_with, ends_with, len_bytes, len_chars; and min, max, "
          "mean, median, sum, std, var, count, len, null_count, n_unique, first, last, any, all "
          "over the rows (docs/checks.md)"};
}

Status NotUnderstood(const std::string& what, const nlohmann::json& json) {
  constexpr std::size_t kShown = 120;
  std::string shown =
      json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, kShown);
  return InvalidArgument("a validation has a part that is not understood as " + what + ": " + shown,
                         "validations are what polars' Expr.meta.serialize(format=\"json\") gives, "
                         "as pipeline.add_validations() sends it");
}

}  // namespace joey::expression
