#include "engine/flight_command.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace joey::engine {

namespace {

using nlohmann::json;

constexpr const char* kHint =
    R"(use {"dataset": ["time", "out"]}; the keys are pipeline, dataset, dataset_exclude and dataset_separator)";

Status BadCommand(const std::string& what) {
  return InvalidArgument("the descriptor's command " + what, kHint);
}

Status CheckPipeline(const std::string& pipeline, const std::string& asked) {
  if (asked == pipeline) return {};
  return NotFound("there is no pipeline '" + asked + "' on this engine",
                  "it runs '" + pipeline + "'");
}

Result<std::vector<std::string>> ReadNames(const std::string& key, const json& value) {
  if (value.is_string()) return std::vector<std::string>{value.get<std::string>()};
  std::vector<std::string> names;
  if (value.is_array()) {
    for (const json& item : value) {
      if (!item.is_string()) return BadCommand("has something else than names in '" + key + "'");
      names.push_back(item.get<std::string>());
    }
    return names;
  }
  return BadCommand("must have a name or a list of names as '" + key + "'");
}

}  // namespace

Result<AnswerOptions> ReadFlightCommand(const std::string& pipeline,
                                        const std::vector<std::string>& path,
                                        std::string_view command) {
  if (path.size() > 1) {
    return NotFound("the descriptor's path has " + std::to_string(path.size()) + " parts",
                    "give the name of the pipeline alone");
  }
  if (!path.empty()) JOEY_RETURN_IF_ERROR(CheckPipeline(pipeline, path[0]));
  std::vector<std::string> include{"*"};
  std::vector<std::string> exclude;
  AnswerOptions options;
  options.separator = ".";
  if (!command.empty()) {
    const json document = json::parse(command, nullptr, false);
    if (!document.is_object()) return BadCommand("is no JSON object");
    for (const auto& [key, value] : document.items()) {
      if (key == "dataset") {
        JOEY_ASSIGN_OR_RETURN(include, ReadNames(key, value));
      } else if (key == "dataset_exclude") {
        JOEY_ASSIGN_OR_RETURN(exclude, ReadNames(key, value));
      } else if (key == "dataset_separator" || key == "pipeline") {
        if (!value.is_string()) return BadCommand("must have a text as '" + key + "'");
        if (key == "pipeline") {
          JOEY_RETURN_IF_ERROR(CheckPipeline(pipeline, value.get<std::string>()));
        } else {
          options.separator = value.get<std::string>();
        }
      } else {
        return BadCommand("has the key '" + key + "', which is not known");
      }
    }
  }
  // As the SDK does it: metadata comes when it is named.
  if (std::find(include.begin(), include.end(), "metadata") == include.end())
    exclude.emplace_back("metadata");
  options.dataset = Dataset(std::move(include), std::move(exclude));
  return options;
}

}  // namespace joey::engine
