#include "pipeline/plan.h"

#include <fmt/format.h>

#include <set>

namespace joey {

namespace {

std::string StepText(std::size_t i, const StepDefinition& step) {
  return fmt::format("step {} ('{}')", i + 1, step.kind_name);
}

Status CheckNames(const PlanNode& node, std::size_t number) {
  // A challenger's columns are named after it.
  std::set<std::string> names;
  for (std::size_t i = 1; i < node.models.size(); ++i) {
    if (names.insert(node.models[i].name).second) continue;
    return InvalidArgument(
        fmt::format("step {} has the challenger '{}' twice", number, node.models[i].name),
        "upload the second one under another name");
  }
  return {};
}

}  // namespace

Result<Plan> MakePlan(const Definition& definition) {
  Plan plan;
  const std::vector<StepDefinition>& steps = definition.steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StepDefinition& step = steps[i];
    PlanNode node;
    switch (step.kind) {
      case StepKind::kModelInference:
        node.models = step.models;
        if (step.models.size() > 1) {
          node.kind = NodeKind::kShadow;
          JOEY_RETURN_IF_ERROR(CheckNames(node, i + 1));
        }
        break;
      case StepKind::kRandomSplit:
        node.kind = NodeKind::kRandomSplit;
        node.models = step.models;
        node.weights = step.weights;
        node.key = step.key;
        break;
      case StepKind::kMetaValueSplit:
        node.kind = NodeKind::kValueSplit;
        node.models = step.models;
        node.key = step.key;
        node.routes = step.routes;
        break;
      case StepKind::kNth: {
        // Of several models one is asked for: the others need not run.
        if (plan.nodes.empty() || plan.nodes.back().kind != NodeKind::kShadow ||
            static_cast<std::size_t>(step.index) >= plan.nodes.back().models.size()) {
          return InvalidArgument(
              fmt::format("{} selects model {} of the step before it, which has no such model",
                          StepText(i, step), step.index),
              "add_select(i) follows add_multi_model_step([…]) and counts from 0");
        }
        PlanNode& before = plan.nodes.back();
        before.models = {before.models[static_cast<std::size_t>(step.index)]};
        before.kind = NodeKind::kModel;
        continue;
      }
      case StepKind::kAuditResults:  // every step's answer is in the log anyway
      case StepKind::kMultiOut:      // challengers are always shown
        continue;
      case StepKind::kCheck:
        plan.checks.insert(plan.checks.end(), step.checks.begin(), step.checks.end());
        continue;
      case StepKind::kOther:
        return Status(Code::kUnimplemented,
                      fmt::format("{} is of a kind that cannot be deployed", StepText(i, step)),
                      "use a Python step for it");
    }
    plan.nodes.push_back(std::move(node));
  }
  if (plan.nodes.empty()) {
    return InvalidArgument("the pipeline has no steps to deploy",
                           "add a model with pipeline.add_model_step(model) first");
  }
  return plan;
}

}  // namespace joey
