// Computes an expression.
#pragma once

#include <cstdint>
#include <memory>

#include "expression/check.h"
#include "expression/kernels.h"

namespace joey::expression {

// What an evaluation reads: rows [begin, begin + context.rows) of columns of `total` rows.
struct Scope {
  Context context;
  const ColumnLookup& columns;
  std::int64_t begin;
  std::int64_t total;
  bool deploying;  // there are no rows, and a column that is not found may have any type
};

Result<Column> Evaluate(const Expr& expr, Scope& scope);

}  // namespace joey::expression
