#include "expression/check.h"

#include <arrow/array/util.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include <algorithm>

#include "base/json_depth.h"
#include "base/limits.h"
#include "expression/evaluate.h"
#include "expression/parse.h"

namespace joey {

namespace {

using expression::Column;
using expression::Expr;
using expression::Op;
using expression::Type;

// Rows that are computed together when no aggregate needs them all: temporaries stay in the cache
// and their memory does not grow with the request.
constexpr std::int64_t kSliceRows = 8192;

void CollectColumns(const Expr& expr, std::vector<std::string>& names) {
  if (expr.op == Op::kColumn && std::find(names.begin(), names.end(), expr.text) == names.end()) {
    names.push_back(expr.text);
  }
  for (const Expr& arg : expr.args) CollectColumns(arg, names);
}

Status NoVerdict(const Column& column) {
  return InvalidArgument("the expression gives " + Describe(column) + ", not true or false",
                         "end with a comparison, as pl.col('out.dense_1').list.get(0) > 0.9");
}

// Bits of `bits` from `row` on; all of them are still 0.
void SetBits(const Column& column, std::int64_t row, std::int64_t rows, bool legacy,
             std::uint8_t* bits) {
  const auto* values = column.values<std::uint8_t>();
  for (std::int64_t i = 0; i < rows; ++i) {
    bool is_true = column.IsValid(i) && values[i * column.step()] != 0;
    std::int64_t bit = row + i;
    if (is_true != legacy) bits[bit / 8] |= static_cast<std::uint8_t>(1U << (bit % 8));
  }
}

Result<std::shared_ptr<arrow::Buffer>> ClearBits(std::int64_t rows) {
  auto buffer = arrow::AllocateBuffer((rows + 7) / 8);
  if (!buffer.ok()) return ResourceExhausted("no memory for a validation's verdicts");
  std::memset((*buffer)->mutable_data(), 0, static_cast<std::size_t>((*buffer)->size()));
  return std::shared_ptr<arrow::Buffer>(std::move(*buffer));
}

}  // namespace

struct Check::Definition {
  expression::Parsed parsed;
  bool legacy = false;
  bool aggregates = false;
};

Result<std::vector<Check>> Check::Parse(std::string_view text) {
  if (text.size() > limits::kExpressionBytesMax) {
    return InvalidArgument("a validation has " + std::to_string(text.size()) + " bytes, at most " +
                           std::to_string(limits::kExpressionBytesMax) + " are read");
  }
  if (DeeperThan(text, limits::kExpressionDepthMax)) {
    return InvalidArgument(
        "a validation nests deeper than " + std::to_string(limits::kExpressionDepthMax) + " levels",
        "split it into several validations");
  }
  nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) {
    return InvalidArgument("a validation is not JSON",
                           "validations are added with "
                           "pipeline.add_validations(name=polars expression)");
  }
  std::vector<expression::Parsed> parsed;
  bool legacy = expression::Member(document, "values") != nullptr;
  if (legacy) {
    JOEY_ASSIGN_OR_RETURN(parsed, expression::ParseLegacy(document));
  } else {
    JOEY_ASSIGN_OR_RETURN(expression::Parsed one, expression::ParsePolars(document));
    parsed.push_back(std::move(one));
  }
  std::vector<Check> checks;
  for (expression::Parsed& one : parsed) {
    if (CountNodes(one.expr) > limits::kExpressionNodesMax) {
      return InvalidArgument("validation '" + one.name + "' has more than " +
                                 std::to_string(limits::kExpressionNodesMax) + " operations",
                             "split it into several validations");
    }
    auto definition = std::make_shared<Definition>();
    definition->parsed = std::move(one);
    definition->legacy = legacy;
    definition->aggregates = expression::HasAggregate(definition->parsed.expr);
    checks.push_back(Check(std::move(definition)));
  }
  return checks;
}

const std::string& Check::name() const { return definition_->parsed.name; }
bool Check::legacy() const { return definition_->legacy; }
const std::string& Check::expression_text() const { return definition_->parsed.text; }

std::vector<std::string> Check::columns() const {
  std::vector<std::string> names;
  CollectColumns(definition_->parsed.expr, names);
  return names;
}

Result<std::shared_ptr<arrow::BooleanArray>> Check::Evaluate(const ColumnLookup& columns,
                                                             std::int64_t rows) const {
  JOEY_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Buffer> bits, ClearBits(rows));
  std::int64_t slice = definition_->aggregates ? std::max<std::int64_t>(rows, 1) : kSliceRows;
  for (std::int64_t begin = 0; begin < rows; begin += slice) {
    expression::Arena arena;
    std::int64_t count = std::min(slice, rows - begin);
    expression::Scope scope{
        {arena, count, definition_->parsed.version}, columns, begin, rows, false};
    Result<Column> column = expression::Evaluate(definition_->parsed.expr, scope);
    if (!column.ok()) return column.status().WithContext("validation '" + name() + "'");
    if (column->type != Type::kBool) {
      return NoVerdict(*column).WithContext("validation '" + name() + "'");
    }
    SetBits(*column, begin, count, legacy(), bits->mutable_data());
  }
  return std::make_shared<arrow::BooleanArray>(rows, std::move(bits), nullptr, 0);
}

Status Check::CheckTypes(
    const std::map<std::string, std::shared_ptr<arrow::DataType>, std::less<>>& types) const {
  ColumnLookup columns = [&](std::string_view wanted) -> std::shared_ptr<arrow::Array> {
    auto found = types.find(wanted);
    if (found == types.end()) return nullptr;
    auto empty = arrow::MakeEmptyArray(found->second);
    return empty.ok() ? *empty : nullptr;
  };
  expression::Arena arena;
  expression::Scope scope{{arena, 0, definition_->parsed.version}, columns, 0, 0, true};
  Result<Column> column = expression::Evaluate(definition_->parsed.expr, scope);
  Status status = column.status();
  if (status.ok() && column->type != Type::kBool && column->type != Type::kUnknown) {
    status = NoVerdict(*column);
  }
  return status.ok() ? status : status.WithContext("validation '" + name() + "'");
}

Result<std::shared_ptr<arrow::Array>> Check::Values(const ColumnLookup& columns,
                                                    std::int64_t rows) const {
  expression::Arena arena;
  expression::Scope scope{{arena, rows, definition_->parsed.version}, columns, 0, rows, false};
  JOEY_ASSIGN_OR_RETURN(Column column, expression::Evaluate(definition_->parsed.expr, scope));
  return ToArrow(column, rows);
}

}  // namespace joey
