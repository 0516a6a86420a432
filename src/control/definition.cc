#include "control/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/suggest.h"
#include "control/names.h"

namespace joey::control {

using nlohmann::json;

namespace {

const std::vector<std::string>& StepKinds() {
  static const std::vector<std::string> kKinds = {
      "ModelInference", "AuditResults",  "MultiOut",        "RandomSplit",
      "MetaValueSplit", "Nth",           "Check",           "Average",
      "ColumnsSelect",  "ColumnsToRows", "InputDataToType", "RowsToModels"};
  return kKinds;
}

constexpr std::string_view kModelShape =
    "a model of a step is {\"name\": text, \"version\": UUID, \"sha\": SHA-256 of the file}";

Result<StepModel> ParseModel(const json& document, std::size_t step) {
  const auto text = [&](const char* key) {
    const auto found = document.find(key);
    return found != document.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
  };
  if (!document.is_object()) {
    return InvalidArgument(fmt::format("step {}: a model is not an object", step),
                           std::string(kModelShape));
  }
  StepModel model{text("name"), text("version"), text("sha")};
  if (Status status = CheckName("model", model.name); !status.ok()) {
    return status.WithContext(fmt::format("step {}", step));
  }
  if (!IsUuid(model.version)) {
    return InvalidArgument(
        fmt::format("step {}: the version of model '{}' is not a UUID", step, model.name),
        std::string(kModelShape));
  }
  if (!IsSha256Hex(model.sha)) {
    return InvalidArgument(
        fmt::format("step {}: the sha of model '{}' is not 64 hexadecimal digits", step,
                    model.name),
        std::string(kModelShape));
  }
  return model;
}

Result<Step> ParseStep(const json& document, std::size_t number) {
  if (!document.is_object() || document.size() != 1) {
    return InvalidArgument(
        fmt::format("step {} is not an object with exactly one key, its kind", number),
        "write for example {\"ModelInference\": {\"models\": [{\"name\", \"version\", \"sha\"}]}}");
  }
  Step step;
  step.kind = document.begin().key();
  const json& content = document.begin().value();
  if (std::find(StepKinds().begin(), StepKinds().end(), step.kind) == StepKinds().end()) {
    const std::string near = DidYouMean(step.kind, StepKinds());
    return InvalidArgument(
        fmt::format("step {} has the unknown kind {}", number, Quoted(step.kind)),
        near.empty() ? fmt::format("known kinds are {}", fmt::join(StepKinds(), ", ")) : near);
  }
  if (!content.is_object()) {
    return InvalidArgument(fmt::format("step {}: '{}' is not an object", number, step.kind));
  }
  if (step.kind != "ModelInference") return step;
  const auto models = content.find("models");
  if (models == content.end() || !models->is_array() || models->empty()) {
    return InvalidArgument(fmt::format("step {}: 'ModelInference' needs a list of models", number),
                           std::string(kModelShape));
  }
  if (models->size() > limits::kStepModelsMax) {
    return InvalidArgument(
        fmt::format("step {} has more than {} models", number, limits::kStepModelsMax));
  }
  for (const json& model : *models) {
    JOEY_ASSIGN_OR_RETURN(StepModel parsed, ParseModel(model, number));
    step.models.push_back(std::move(parsed));
  }
  return step;
}

}  // namespace

Result<Definition> ParseDefinition(const json& document) {
  if (!document.is_object()) {
    return InvalidArgument("'definition' is not an object",
                           "send {} or {\"id\": <name>, \"steps\": […]}");
  }
  Definition definition;
  if (const auto id = document.find("id"); id != document.end() && !id->is_string()) {
    return InvalidArgument("'definition.id' is not a text", "send the pipeline's name");
  }
  const auto steps = document.find("steps");
  if (steps == document.end()) return definition;
  if (!steps->is_array()) {
    return InvalidArgument("'definition.steps' is not a list", "send a list of steps");
  }
  if (steps->size() > limits::kStepsMax) {
    return InvalidArgument(fmt::format("the pipeline has {} steps, at most {} are possible",
                                       steps->size(), limits::kStepsMax));
  }
  for (const json& step : *steps) {
    JOEY_ASSIGN_OR_RETURN(Step parsed, ParseStep(step, definition.steps.size() + 1));
    definition.steps.push_back(std::move(parsed));
  }
  return definition;
}

Status CheckDeployable(const Definition& definition, std::string_view pipeline_name) {
  if (definition.steps.empty()) {
    return InvalidArgument(fmt::format("the pipeline '{}' has no steps to deploy", pipeline_name),
                           "add a model with pipeline.add_model_step(model) first");
  }
  constexpr const char* kSupported =
      "only model steps with one model each (add_model_step) can be deployed";
  for (std::size_t i = 0; i < definition.steps.size(); ++i) {
    const Step& step = definition.steps[i];
    if (step.kind != "ModelInference") {
      return {Code::kUnimplemented,
              fmt::format("step {} is of the kind '{}', which cannot be deployed yet", i + 1,
                          step.kind),
              kSupported};
    }
    if (step.models.size() != 1) {
      return {Code::kUnimplemented,
              fmt::format("step {} 'ModelInference' has {} models, which cannot be deployed yet",
                          i + 1, step.models.size()),
              kSupported};
    }
  }
  return {};
}

}  // namespace joey::control
