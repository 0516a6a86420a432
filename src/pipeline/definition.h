// What a pipeline consists of: the `definition` of pipelines/create and the steps of a deployment
// document, in one format (WIRE.md §4.6).
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"

namespace joey {

struct ModelReference {
  std::string name;
  std::string version;  // UUID
  std::string sha;      // SHA-256 of the file, hexadecimal
};

enum class StepKind {
  kModelInference,
  kRandomSplit,
  kMetaValueSplit,
  kAuditResults,
  kMultiOut,
  kNth,
  kCheck,
  kOther  // known, but nothing that runs: ColumnsSelect and the like
};

struct StepDefinition {
  StepKind kind = StepKind::kOther;
  std::string kind_name;               // "ModelInference" …
  std::vector<ModelReference> models;  // of splits one per route, the control first
  std::vector<double> weights;         // kRandomSplit: one per model
  std::string key;                     // column that decides a split; may be empty
  std::vector<std::string> routes;     // kMetaValueSplit: value of the key for models[i + 1]
  std::vector<std::string> checks;     // kCheck: JSON texts
  std::int64_t index = 0;              // kNth
};

struct Definition {
  std::vector<StepDefinition> steps;  // empty: nothing to run yet
};

// {} or {"id": text, "steps": [{<kind>: {…}}]}. InvalidArgument names the step that is wrong.
Result<Definition> ParseDefinition(const nlohmann::json& document);

}  // namespace joey
