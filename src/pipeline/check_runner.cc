#include "pipeline/check_runner.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "data/made_columns.h"
#include "pipeline/join_check.h"

namespace joey {

namespace {

constexpr std::string_view kOutputs = ".outputs[";
constexpr std::string_view kInputs = ".inputs[";
constexpr char kCount[] = "anomaly.count";
constexpr char kFailures[] = "check_failures";

// "housing.outputs[0]" as model, side and number.
struct ModelColumn {
  std::string_view model;
  bool output = false;
  std::size_t index = 0;
};

std::optional<ModelColumn> ParseModelColumn(std::string_view name) {
  for (const std::string_view side : {kOutputs, kInputs}) {
    const std::size_t at = name.rfind(side);
    if (at == std::string_view::npos || !name.ends_with(']')) continue;
    ModelColumn column{name.substr(0, at), side == kOutputs, 0};
    const char* begin = name.data() + at + side.size();
    const char* end = name.data() + name.size() - 1;
    const auto [stop, error] = std::from_chars(begin, end, column.index);
    if (error == std::errc() && stop == end) return column;
  }
  return std::nullopt;
}

std::shared_ptr<arrow::Array> FindModelColumn(const std::vector<StepColumns>& steps,
                                              const arrow::RecordBatch& request,
                                              const ModelColumn& column) {
  for (const StepColumns& step : steps) {
    if (step.model->reference().name != column.model) continue;
    if (column.output) {
      return column.index < static_cast<std::size_t>(step.out->num_columns())
                 ? step.out->column(static_cast<int>(column.index))
                 : nullptr;
    }
    if (column.index >= step.model->inputs().size()) return nullptr;
    const std::string& name = step.model->inputs()[column.index].name;
    std::shared_ptr<arrow::Array> found = FindColumn(*step.previous, name);
    return found != nullptr ? found : FindColumn(request, name);
  }
  return nullptr;
}

std::shared_ptr<arrow::Array> Find(const CheckedColumns& columns, std::string_view name) {
  if (name.starts_with("in.")) return FindColumn(*columns.in, name.substr(3));
  if (name.starts_with("out.")) return FindColumn(*columns.out, name.substr(4));
  if (name.starts_with("out_")) return columns.extra->Find(name);
  const auto column = ParseModelColumn(name);
  return column ? FindModelColumn(*columns.steps, *columns.in, *column) : nullptr;
}

std::shared_ptr<arrow::BooleanArray> AllFalse(std::int64_t rows) {
  std::string bits(static_cast<std::size_t>(rows) / 8 + 1, '\0');
  return std::make_shared<arrow::BooleanArray>(rows, arrow::Buffer::FromString(std::move(bits)));
}

std::shared_ptr<arrow::Array> CountsOf(
    const std::vector<std::shared_ptr<arrow::BooleanArray>>& verdicts, std::int64_t rows) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(rows), 0);
  for (const auto& verdict : verdicts) {
    for (std::int64_t row = 0; row < rows; ++row) {
      counts[static_cast<std::size_t>(row)] += verdict->Value(row) ? 1 : 0;
    }
  }
  return NumberColumn(arrow::uint32(), std::move(counts));
}

// For each row the texts of the checks whose verdict is true.
std::shared_ptr<arrow::Array> FailuresOf(
    const std::vector<std::pair<std::string_view, std::shared_ptr<arrow::BooleanArray>>>& verdicts,
    std::int64_t rows) {
  TextColumn texts;
  std::vector<std::int32_t> ends{0};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const auto& [text, verdict] : verdicts) {
      if (verdict->Value(row)) texts.Add(text);
    }
    ends.push_back(texts.size());
  }
  return ListColumn(std::move(ends), texts.Finish());
}

}  // namespace

Result<std::unique_ptr<CheckRunner>> CheckRunner::Make(const std::vector<std::string>& texts,
                                                       const StepFields& last, CheckColumn column) {
  if (texts.empty()) return std::unique_ptr<CheckRunner>();
  std::unique_ptr<CheckRunner> runner(new CheckRunner());
  std::map<std::string, Check> anomalies;
  std::map<std::string, std::size_t> legacy;
  for (const std::string& text : texts) {
    JOEY_ASSIGN_OR_RETURN(std::vector<Check> checks, Check::Parse(text));
    for (Check& check : checks) {
      const std::string name = check.name();
      if (check.legacy()) {
        const auto [place, added] = legacy.emplace(name, runner->legacy_.size());
        if (added) {
          runner->legacy_.push_back(std::move(check));
        } else {
          runner->legacy_[place->second] = std::move(check);
        }
        continue;
      }
      JOEY_RETURN_IF_ERROR(CheckColumns(check, last));
      anomalies.insert_or_assign(name, std::move(check));
    }
  }
  for (auto& [name, check] : anomalies) {
    runner->anomaly_names_.push_back("anomaly." + name);
    runner->anomalies_.push_back(std::move(check));
  }
  runner->check_failures_ = !runner->legacy_.empty() || column == CheckColumn::kCheckFailures;
  return runner;
}

Result<std::shared_ptr<arrow::BooleanArray>> CheckRunner::Evaluate(const Check& check,
                                                                   const CheckedColumns& columns,
                                                                   std::int64_t rows) const {
  for (const std::string& name : check.columns()) {
    // A challenger that failed or was late gives no verdict and spoils none.
    if (name.starts_with("out_") && columns.extra->Find(name) == nullptr) return AllFalse(rows);
    // Nor does a model that a split did not choose.
    const auto column = check.legacy() ? ParseModelColumn(name) : std::nullopt;
    if (column &&
        std::none_of(columns.steps->begin(), columns.steps->end(), [&](const StepColumns& step) {
          return step.model->reference().name == column->model;
        })) {
      return AllFalse(rows);
    }
  }
  auto verdict = check.Evaluate([&](std::string_view name) { return Find(columns, name); }, rows);
  if (!verdict.ok()) return verdict.status().WithContext("the check '" + check.name() + "'");
  return verdict;
}

std::vector<std::string> CheckRunner::column_names() const {
  std::vector<std::string> names = anomaly_names_;
  if (!names.empty()) names.insert(names.begin(), kCount);
  if (check_failures_) names.emplace_back(kFailures);
  return names;
}

Status CheckRunner::Run(const CheckedColumns& columns, ExtraColumns& extra) const {
  const std::int64_t rows = columns.in->num_rows();
  std::vector<std::shared_ptr<arrow::BooleanArray>> verdicts;
  std::vector<std::pair<std::string_view, std::shared_ptr<arrow::BooleanArray>>> failures;
  for (const Check& check : anomalies_) {
    JOEY_ASSIGN_OR_RETURN(auto verdict, Evaluate(check, columns, rows));
    failures.emplace_back(check.name(), verdict);
    verdicts.push_back(std::move(verdict));
  }
  for (const Check& check : legacy_) {
    JOEY_ASSIGN_OR_RETURN(auto verdict, Evaluate(check, columns, rows));
    failures.emplace_back(check.expression_text(), std::move(verdict));
  }
  if (!verdicts.empty()) {
    extra.Add(kCount, CountsOf(verdicts, rows));
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      extra.Add(anomaly_names_[i], std::move(verdicts[i]));
    }
  }
  if (check_failures_) extra.Add(kFailures, FailuresOf(failures, rows));
  return {};
}

}  // namespace joey
