#include "pipeline/pipeline.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "pipeline/extra_columns.h"
#include "pipeline/join_check.h"
#include "pipeline/plan.h"
#include "pipeline/split_step.h"

namespace joey {

namespace {

JsonKind KindFor(std::optional<ElementType> type) {
  if (!type) return JsonKind::kAny;
  if (IsFloating(*type)) return JsonKind::kDouble;
  if (*type == ElementType::kUInt64) return JsonKind::kUInt64;
  if (IsInteger(*type)) return JsonKind::kInt64;
  return *type == ElementType::kBool ? JsonKind::kBool : JsonKind::kString;
}

Result<std::vector<ModelRunner>> RunnersOf(const PlanNode& node, const DeploymentDocument& document,
                                           const std::vector<LoadedModel>& models) {
  std::vector<ModelRunner> out;
  for (const ModelReference& reference : node.models) {
    const auto entry = std::find_if(
        document.models.begin(), document.models.end(),
        [&](const ModelEntry& known) { return known.reference.version == reference.version; });
    if (entry == document.models.end()) {
      return InvalidArgument("the model '" + reference.name + "' version " + reference.version +
                             " of a step is not among the deployment's models");
    }
    const auto index = static_cast<std::size_t>(entry - document.models.begin());
    JOEY_ASSIGN_OR_RETURN(ModelRunner runner, ModelRunner::Make(*entry, models[index]));
    out.push_back(std::move(runner));
  }
  return out;
}

std::string LastModelText(const ModelReference& model) {
  return nlohmann::ordered_json{{"model_name", model.name}, {"model_sha", model.sha}}.dump();
}

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::Make(const DeploymentDocument& document,
                                                 std::vector<LoadedModel> models) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline());
  JOEY_ASSIGN_OR_RETURN(Plan plan, MakePlan(document.definition));
  for (const PlanNode& node : plan.nodes) {
    JOEY_ASSIGN_OR_RETURN(std::vector<ModelRunner> runners, RunnersOf(node, document, models));
    if (node.kind == NodeKind::kModel) {
      pipeline->steps_.push_back(std::make_unique<ModelStep>(std::move(runners.front())));
    } else if (node.kind == NodeKind::kShadow) {
      if (pipeline->shadow_pool_ == nullptr) {
        const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
        pipeline->shadow_pool_ = std::make_unique<ShadowPool>(static_cast<int>(cores));
      }
      auto step = std::make_unique<ShadowStep>(std::move(runners), *pipeline->shadow_pool_);
      pipeline->shadow_counts_.insert(pipeline->shadow_counts_.end(), step->counts().begin(),
                                      step->counts().end());
      pipeline->steps_.push_back(std::move(step));
    } else {
      pipeline->steps_.push_back(std::make_unique<SplitStep>(node, std::move(runners)));
    }
  }
  std::vector<StepFields> fields;
  for (const auto& step : pipeline->steps_) fields.push_back(step->fields());
  JOEY_RETURN_IF_ERROR(CheckJoins(fields));
  JOEY_ASSIGN_OR_RETURN(pipeline->checks_,
                        CheckRunner::Make(plan.checks, fields.back(), document.check_column));
  pipeline->MakeHints();
  pipeline->MakeContexts(document);
  return pipeline;
}

std::optional<std::vector<std::string>> Pipeline::OutputNames() const {
  std::vector<std::string> names;
  const Step& last = *steps_.back();
  for (const auto& step : steps_) {
    for (std::size_t i = 1; !step->splits() && i < step->models().size(); ++i) {
      if (step->models()[i].outputs().empty()) return std::nullopt;  // of a challenger
    }
  }
  for (const ModelRunner& model : last.models()) {
    if (model.outputs().empty()) return std::nullopt;
    for (const FieldSpec& output : model.outputs()) {
      if (std::find(names.begin(), names.end(), output.name) == names.end())
        names.push_back(output.name);
    }
    if (!last.splits()) break;
  }
  const bool splits =
      std::any_of(steps_.begin(), steps_.end(), [](const auto& step) { return step->splits(); });
  if (splits) names.emplace_back(kModelSplit);
  if (last.splits()) names.emplace_back(kLastModels);
  const std::vector<std::string>& shadows = contexts_.front()->shadow_columns;
  names.insert(names.end(), shadows.begin(), shadows.end());
  if (checks_ != nullptr) {
    const std::vector<std::string> checks = checks_->column_names();
    names.insert(names.end(), checks.begin(), checks.end());
  }
  return names;
}

bool Pipeline::in_process() const {
  return std::all_of(steps_.begin(), steps_.end(), [](const std::unique_ptr<Step>& step) {
    if (!step->splits()) return step->models().front().in_process();
    return std::all_of(step->models().begin(), step->models().end(),
                       [](const ModelRunner& model) { return model.in_process(); });
  });
}

void Pipeline::MakeHints() {
  for (const ModelRunner& model : steps_.front()->models()) {
    for (const FieldSpec& input : model.inputs()) {
      const JsonKind kind = KindFor(input.type);
      const auto known = std::find_if(hints_.begin(), hints_.end(), [&](const JsonColumnHint& h) {
        return h.name == input.name;
      });
      if (known == hints_.end()) {
        hints_.push_back({input.name, kind});
      } else if (known->kind != kind) {
        known->kind = JsonKind::kAny;
      }
    }
  }
}

void Pipeline::MakeContexts(const DeploymentDocument& document) {
  std::vector<std::string> shadow_columns;
  for (const auto& step : steps_) {
    for (std::size_t i = 1; !step->splits() && i < step->models().size(); ++i) {
      const ModelRunner& challenger = step->models()[i];
      for (const FieldSpec& output : challenger.outputs()) {
        shadow_columns.push_back("out_" + challenger.reference().name + "." + output.name);
      }
    }
  }
  std::sort(shadow_columns.begin(), shadow_columns.end());
  for (const ModelRunner& model : steps_.back()->models()) {
    auto context = std::make_shared<RecordContext>();
    context->topic = document.topic;
    context->pipeline_name = document.pipeline_name;
    context->pipeline_version = document.pipeline_version;
    context->partition = document.partition;
    context->last_model = LastModelText(model.reference());
    for (const ModelEntry& entry : document.models) {
      const ModelReference& served = entry.reference;
      context->models.push_back({served.name, served.version, served.sha});
    }
    context->check_column = document.check_column;
    context->shadow_columns = shadow_columns;
    contexts_.push_back(std::move(context));
  }
}

Result<InferenceRecord> Pipeline::Execute(std::shared_ptr<arrow::RecordBatch> in,
                                          std::int64_t time_ms, std::uint64_t parse_ns) const {
  InferenceRecord record;
  record.time_ms = time_ms;
  record.rows = in->num_rows();
  record.elapsed_ns.reserve(steps_.size() + 1);
  record.elapsed_ns.push_back(parse_ns);
  std::vector<SplitChoice> choices;
  std::vector<StepColumns> step_columns;
  const bool keep_steps = checks_ != nullptr && checks_->needs_steps();
  ExtraColumns extra;
  Choice last;
  std::shared_ptr<arrow::RecordBatch> current = in;
  for (const auto& step : steps_) {
    auto start = std::chrono::steady_clock::now();
    JOEY_ASSIGN_OR_RETURN(StepResult result, step->Run(current, in));
    record.elapsed_ns.push_back(NanosSince(start));
    if (keep_steps) {
      step_columns.push_back({&step->models()[result.choice.model], current, result.out});
    }
    current = std::move(result.out);
    if (!result.shadows.empty()) extra.AddShadows(std::move(result.shadows));
    last = std::move(result.choice);
    if (step->splits()) choices.push_back({step->split_texts(), last});
  }
  record.context = contexts_[last.model];
  if (!choices.empty()) current = WithModelSplit(current, choices);
  if (checks_ != nullptr) {
    JOEY_RETURN_IF_ERROR(checks_->Run({in, current, &extra, &step_columns}, extra));
  }
  if (!last.by_row.empty()) {
    std::vector<std::string> texts;
    for (const auto& context : contexts_) texts.push_back(context->last_model);
    extra.AddLastModels(last, texts);
  }
  record.extra = extra.Finish(record.rows);
  record.in = std::move(in);
  record.out = std::move(current);
  return record;
}

}  // namespace joey
