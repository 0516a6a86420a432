#include "pipeline/join_check.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>

namespace joey {

namespace {

bool IsText(ElementType type) { return type == ElementType::kString; }

Status CheckField(const ModelFields& from, const FieldSpec& output, const ModelFields& to,
                  const FieldSpec& input) {
  const auto wrong = [&](const std::string& gives, const std::string& takes) {
    return InvalidArgument(
        fmt::format("the column '{}' of model '{}' is {}, the next step's model '{}' takes {}",
                    output.name, from.model, gives, to.model, takes),
        "put a Python step between them, or change a model");
  };
  if (output.type && input.type &&
      (IsText(*output.type) != IsText(*input.type) ||
       (*output.type == ElementType::kBool) != (*input.type == ElementType::kBool))) {
    return wrong(std::string(ElementTypeName(*output.type)),
                 std::string(ElementTypeName(*input.type)));
  }
  if (output.row_elements && input.row_elements && *output.row_elements != *input.row_elements) {
    return wrong(fmt::format("{} values a row", *output.row_elements),
                 fmt::format("{}", *input.row_elements));
  }
  return {};
}

Status CheckPair(const ModelFields& from, const ModelFields& to) {
  if (from.outputs.empty() || to.inputs.empty()) return {};
  bool meets = false;
  for (const FieldSpec& input : to.inputs) {
    for (const FieldSpec& output : from.outputs) {
      if (output.name != input.name) continue;
      meets = true;
      JOEY_RETURN_IF_ERROR(CheckField(from, output, to, input));
    }
  }
  if (meets) return {};
  std::vector<std::string> gives;
  std::vector<std::string> takes;
  for (const FieldSpec& output : from.outputs) gives.push_back(output.name);
  for (const FieldSpec& input : to.inputs) takes.push_back(input.name);
  return InvalidArgument(
      fmt::format("model '{}' takes {}, but the step before it, model '{}', gives {}", to.model,
                  fmt::join(takes, ", "), from.model, fmt::join(gives, ", ")),
      fmt::format("steps are joined by names: use model.configure(tensor_fields=['{}'])",
                  gives.front()));
}

}  // namespace

Status CheckJoins(const std::vector<StepFields>& steps) {
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const StepFields& before = steps[i - 1];
    for (std::size_t from = 0; from < before.models.size(); ++from) {
      // Of a shadow deployment only the champion's outputs go on.
      if (from > 0 && !before.splits) break;
      for (const ModelFields& to : steps[i].models) {
        JOEY_RETURN_IF_ERROR(CheckPair(before.models[from], to));
      }
    }
  }
  return {};
}

Status CheckColumns(const Check& check, const StepFields& last) {
  if (check.name() == "count") {
    return InvalidArgument("a check cannot be named 'count', anomaly.count is their number",
                           "give it another name");
  }
  for (const ModelFields& model : last.models) {
    if (model.outputs.empty()) continue;
    std::map<std::string, std::shared_ptr<arrow::DataType>, std::less<>> types;
    for (const FieldSpec& output : model.outputs) {
      if (auto type = ColumnTypeOf(output)) types.emplace("out." + output.name, std::move(type));
    }
    for (const std::string& column : check.columns()) {
      if (!column.starts_with("out.") || column == "out._model_split") continue;
      const bool known =
          std::any_of(model.outputs.begin(), model.outputs.end(),
                      [&](const FieldSpec& output) { return column.substr(4) == output.name; });
      if (known) continue;
      std::vector<std::string> names;
      for (const FieldSpec& output : model.outputs) names.push_back("out." + output.name);
      return InvalidArgument(fmt::format("the check '{}' reads '{}', the model '{}' gives {}",
                                         check.name(), column, model.model, fmt::join(names, ", ")),
                             "use one of these names");
    }
    JOEY_RETURN_IF_ERROR(
        check.CheckTypes(types).WithContext(fmt::format("the check '{}'", check.name())));
    if (!last.splits) break;  // challengers have names of their own
  }
  return {};
}

}  // namespace joey
