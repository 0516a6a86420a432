// Validations of a pipeline: expressions over the columns of an inference, one verdict a row.
//
// A Check step of a pipeline definition holds one text per validation. Two dialects exist: polars
// expressions as JSON, and the expressions of the older add_validation. docs/checks.md says what of
// polars is understood and how; everything else is refused by Parse, with its name.
#pragma once

#include <arrow/array.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey {

// Where a check finds a column. Polars checks ask by full names, "in.x", "out.x" or
// "out_<model>.x", legacy ones for "<model>.outputs[0]" and "<model>.inputs[0]" (a model's columns
// by number, the elements of a row flat). Null when there is no such column; otherwise an array of
// `rows` values.
using ColumnLookup = std::function<std::shared_ptr<arrow::Array>(std::string_view name)>;

class Check {
 public:
  // The checks of one text of a Check step: one for {"Alias": [EXPR, "name"]}, one per name of
  // {"values": {…}, "gauges": [], "validations": […]}. Errors: kInvalidArgument for what is no such
  // JSON, kUnimplemented for a function that Joey does not have (the message names it).
  static Result<std::vector<Check>> Parse(std::string_view text);

  const std::string& name() const;
  bool legacy() const;

  // What Evaluate will look up, each once, in the order of first use.
  std::vector<std::string> columns() const;

  // Legacy only: the text that check_failures shows, e.g. "housing.outputs[0][0] < 100".
  const std::string& expression_text() const;

  // One value a row, without nulls. For a polars check true is an anomaly and null counts as false;
  // for a legacy check true is a validation that failed: its expression is false. Errors
  // (kInvalidArgument): a column that is missing or of a type that the expression cannot take, a
  // list.get() beyond a list's end where polars says that this is an error, a strict cast of a
  // value that does not fit. Any thread may call it at any time.
  Result<std::shared_ptr<arrow::BooleanArray>> Evaluate(const ColumnLookup& columns,
                                                        std::int64_t rows) const;

  // Whether the expression can work on columns of these types; names that are missing from `types`
  // may have any type.
  Status CheckTypes(
      const std::map<std::string, std::shared_ptr<arrow::DataType>, std::less<>>& types) const;

  // The expression's own values before they become verdicts, for tests: what polars gives for it.
  Result<std::shared_ptr<arrow::Array>> Values(const ColumnLookup& columns,
                                               std::int64_t rows) const;

 private:
  struct Definition;
  explicit Check(std::shared_ptr<const Definition> definition)
      : definition_(std::move(definition)) {}
  std::shared_ptr<const Definition> definition_;
};

}  // namespace joey
