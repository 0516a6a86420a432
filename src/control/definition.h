// What a pipeline consists of: the `definition` of pipelines/create (WIRE §4.6).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"

namespace joey::control {

struct StepModel {
  std::string name;
  std::string version;  // UUID
  std::string sha;
};

struct Step {
  std::string kind;               // "ModelInference", "RandomSplit" …
  std::vector<StepModel> models;  // of ModelInference
};

struct Definition {
  std::vector<Step> steps;  // empty: nothing to deploy yet
};

// {} or {"id": text, "steps": [{<kind>: {…}}]}. InvalidArgument names the step that is wrong.
Result<Definition> ParseDefinition(const nlohmann::json& document);

// Whether this release can run it: Unimplemented names the first step it cannot.
Status CheckDeployable(const Definition& definition, std::string_view pipeline_name);

}  // namespace joey::control
