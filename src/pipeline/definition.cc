#include "pipeline/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/limits.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/suggest.h"

namespace joey {

using nlohmann::json;

namespace {

struct KindName {
  std::string_view name;
  StepKind kind;
};

constexpr KindName kKinds[] = {{"ModelInference", StepKind::kModelInference},
                               {"RandomSplit", StepKind::kRandomSplit},
                               {"MetaValueSplit", StepKind::kMetaValueSplit},
                               {"AuditResults", StepKind::kAuditResults},
                               {"MultiOut", StepKind::kMultiOut},
                               {"Nth", StepKind::kNth},
                               {"Check", StepKind::kCheck},
                               {"Average", StepKind::kOther},
                               {"ColumnsSelect", StepKind::kOther},
                               {"ColumnsToRows", StepKind::kOther},
                               {"InputDataToType", StepKind::kOther},
                               {"RowsToModels", StepKind::kOther}};

constexpr std::string_view kModelShape =
    "a model of a step is {\"name\": text, \"version\": UUID, \"sha\": SHA-256 of the file}";

// One step's content, read key by key; the first error names step and kind.
class StepReader {
 public:
  StepReader(const json& content, std::size_t number, StepDefinition& step)
      : content_(content), number_(number), step_(step) {}

  Status Read() {
    switch (step_.kind) {
      case StepKind::kModelInference:
        return ReadModels();
      case StepKind::kRandomSplit:
        return ReadRandomSplit();
      case StepKind::kMetaValueSplit:
        return ReadValueSplit();
      case StepKind::kNth:
        return ReadIndex();
      case StepKind::kCheck:
        return ReadChecks();
      default:
        return {};
    }
  }

 private:
  Status Wrong(std::string what, std::string hint = {}) const {
    return InvalidArgument(fmt::format("step {}: '{}' {}", number_, step_.kind_name, what),
                           std::move(hint));
  }

  const json* Find(const char* key) const {
    const auto found = content_.find(key);
    return found == content_.end() || found->is_null() ? nullptr : &*found;
  }

  Status AddModel(const json& document) {
    const auto text = [&](const char* key) {
      const auto found = document.find(key);
      return found != document.end() && found->is_string() ? found->get<std::string>()
                                                           : std::string();
    };
    if (!document.is_object()) return Wrong("has a model that is not an object", ModelShape());
    ModelReference model{text("name"), text("version"), text("sha")};
    if (model.name.empty()) return Wrong("has a model without a name", ModelShape());
    if (!IsUuid(model.version)) {
      return Wrong(fmt::format("has the model '{}' whose version is not a UUID", model.name),
                   ModelShape());
    }
    if (!IsSha256Hex(model.sha)) {
      return Wrong(
          fmt::format("has the model '{}' whose sha is not 64 hexadecimal digits", model.name),
          ModelShape());
    }
    if (step_.models.size() == limits::kStepModelsMax) {
      return Wrong(fmt::format("has more than {} models", limits::kStepModelsMax));
    }
    step_.models.push_back(std::move(model));
    return {};
  }
  static std::string ModelShape() { return std::string(kModelShape); }

  Status ReadModels() {
    const json* models = Find("models");
    if (models == nullptr || !models->is_array() || models->empty()) {
      return Wrong("needs a list of models", ModelShape());
    }
    for (const json& model : *models) JOEY_RETURN_IF_ERROR(AddModel(model));
    return {};
  }

  Status ReadKey(const char* key) {
    const json* value = Find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return Wrong(fmt::format("has a '{}' that is not a text", key));
    step_.key = value->get<std::string>();
    return {};
  }

  Status ReadRandomSplit() {
    JOEY_RETURN_IF_ERROR(ReadKey("hash_key"));
    const json* weights = Find("weights");
    if (weights == nullptr || !weights->is_array() || weights->empty()) {
      return Wrong("needs a list of weights",
                   "send \"weights\": [{\"model\": {…}, \"weight\": 2}, …]");
    }
    double sum = 0;
    for (const json& entry : *weights) {
      const auto model = entry.is_object() ? entry.find("model") : entry.end();
      const auto weight = entry.is_object() ? entry.find("weight") : entry.end();
      if (!entry.is_object() || model == entry.end() || weight == entry.end() ||
          !weight->is_number()) {
        return Wrong("has a weight that is not {\"model\": {…}, \"weight\": number}");
      }
      const auto value = weight->get<double>();
      if (!std::isfinite(value) || value < 0) {
        return Wrong(fmt::format("has the weight {}", value), "weights are 0 or more");
      }
      sum += value;
      step_.weights.push_back(value);
      JOEY_RETURN_IF_ERROR(AddModel(*model));
    }
    if (!(sum > 0) || !std::isfinite(sum)) {
      return Wrong("has weights whose sum is not above 0", "give one model a weight above 0");
    }
    return {};
  }

  Status ReadValueSplit() {
    JOEY_RETURN_IF_ERROR(ReadKey("split_key"));
    if (step_.key.empty()) return Wrong("needs a 'split_key'", "name the column that decides");
    const json* control = Find("control");
    if (control == nullptr) return Wrong("needs a 'control' model", ModelShape());
    JOEY_RETURN_IF_ERROR(AddModel(*control));
    const json* routes = Find("routes");
    if (routes == nullptr || !routes->is_object()) {
      return Wrong("needs 'routes'", "send \"routes\": {<value of the key>: {…}, …}");
    }
    for (const auto& [value, model] : routes->items()) {
      step_.routes.push_back(value);
      JOEY_RETURN_IF_ERROR(AddModel(model));
    }
    return {};
  }

  Status ReadIndex() {
    const json* index = Find("index");
    if (index == nullptr || !index->is_number_integer() || index->get<std::int64_t>() < 0) {
      return Wrong("needs an 'index' of 0 or more");
    }
    step_.index = index->get<std::int64_t>();
    return {};
  }

  Status ReadChecks() {
    const json* tree = Find("tree");
    if (tree == nullptr || !tree->is_array()) return Wrong("needs a list 'tree'");
    for (const json& text : *tree) {
      if (!text.is_string()) return Wrong("has a tree entry that is not a JSON text");
      step_.checks.push_back(text.get<std::string>());
    }
    return {};
  }

  const json& content_;
  const std::size_t number_;
  StepDefinition& step_;
};

Result<StepDefinition> ParseStep(const json& document, std::size_t number) {
  if (!document.is_object() || document.size() != 1) {
    return InvalidArgument(
        fmt::format("step {} is not an object with exactly one key, its kind", number),
        "write for example {\"ModelInference\": {\"models\": [{\"name\", \"version\", \"sha\"}]}}");
  }
  StepDefinition step;
  step.kind_name = document.begin().key();
  const auto* const kind =
      std::find_if(std::begin(kKinds), std::end(kKinds),
                   [&](const KindName& known) { return known.name == step.kind_name; });
  if (kind == std::end(kKinds)) {
    std::vector<std::string> names;
    for (const KindName& known : kKinds) names.emplace_back(known.name);
    const std::string near = DidYouMean(step.kind_name, names);
    return InvalidArgument(
        fmt::format("step {} has the unknown kind '{}'", number, step.kind_name.substr(0, 80)),
        near.empty() ? fmt::format("known kinds are {}", fmt::join(names, ", ")) : near);
  }
  step.kind = kind->kind;
  const json& content = document.begin().value();
  if (!content.is_object()) {
    return InvalidArgument(fmt::format("step {}: '{}' is not an object", number, step.kind_name));
  }
  JOEY_RETURN_IF_ERROR(StepReader(content, number, step).Read());
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
    JOEY_ASSIGN_OR_RETURN(StepDefinition parsed, ParseStep(step, definition.steps.size() + 1));
    definition.steps.push_back(std::move(parsed));
  }
  return definition;
}

}  // namespace joey
