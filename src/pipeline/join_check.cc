#include "pipeline/join_check.h"

#include <fmt/format.h>

namespace joey {

namespace {

bool IsText(ElementType type) { return type == ElementType::kString; }

Status CheckField(const ModelRunner& from, const FieldSpec& output, const ModelRunner& to,
                  const FieldSpec& input) {
  const auto wrong = [&](const std::string& gives, const std::string& takes) {
    return InvalidArgument(
        fmt::format("the column '{}' of model '{}' is {}, the next step's model '{}' takes {}",
                    output.name, from.reference().name, gives, to.reference().name, takes),
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

Status CheckPair(const ModelRunner& from, const ModelRunner& to) {
  if (from.outputs().empty() || to.inputs().empty()) return {};
  bool meets = false;
  for (const FieldSpec& input : to.inputs()) {
    for (const FieldSpec& output : from.outputs()) {
      if (output.name != input.name) continue;
      meets = true;
      JOEY_RETURN_IF_ERROR(CheckField(from, output, to, input));
    }
  }
  if (meets) return {};
  std::vector<std::string> gives;
  std::vector<std::string> takes;
  for (const FieldSpec& output : from.outputs()) gives.push_back(output.name);
  for (const FieldSpec& input : to.inputs()) takes.push_back(input.name);
  return InvalidArgument(
      fmt::format("model '{}' takes {}, but the step before it, model '{}', gives {}",
                  to.reference().name, fmt::join(takes, ", "), from.reference().name,
                  fmt::join(gives, ", ")),
      fmt::format("steps are joined by names: use model.configure(tensor_fields=['{}'])",
                  gives.front()));
}

}  // namespace

Status CheckJoins(const std::vector<std::unique_ptr<Step>>& steps) {
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const Step& before = *steps[i - 1];
    for (std::size_t from = 0; from < before.models().size(); ++from) {
      // Of a shadow deployment only the champion's outputs go on.
      if (from > 0 && !before.splits()) break;
      for (const ModelRunner& to : steps[i]->models()) {
        JOEY_RETURN_IF_ERROR(CheckPair(before.models()[from], to));
      }
    }
  }
  return {};
}

}  // namespace joey
