// From a pipeline's definition to what is run for a request, in order.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "pipeline/definition.h"

namespace joey {

enum class NodeKind { kModel, kShadow, kRandomSplit, kValueSplit };

struct PlanNode {
  NodeKind kind = NodeKind::kModel;
  std::vector<ModelReference> models;  // kShadow: the champion first; splits: one per route
  std::vector<double> weights;         // kRandomSplit
  std::string key;                     // of a split; may be empty for kRandomSplit
  std::vector<std::string> routes;     // kValueSplit: key value for models[i + 1]
};

struct Plan {
  std::vector<PlanNode> nodes;      // at least one
  std::vector<std::string> checks;  // JSON texts, in the order they were added
};

// InvalidArgument: nothing to run, or steps that do not fit together. Unimplemented: a kind of step
// that Joey does not run. Both name the step.
Result<Plan> MakePlan(const Definition& definition);

}  // namespace joey
