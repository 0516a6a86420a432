#include "expression/expr.h"

#include <algorithm>

namespace joey::expression {

std::size_t CountNodes(const Expr& expr) {
  std::size_t count = 1;
  for (const Expr& arg : expr.args) count += CountNodes(arg);
  return count;
}

bool HasAggregate(const Expr& expr) {
  return expr.op >= Op::kMin || std::any_of(expr.args.begin(), expr.args.end(), HasAggregate);
}

}  // namespace joey::expression
