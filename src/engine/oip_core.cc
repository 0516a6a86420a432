#include "engine/oip_core.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/suggest.h"
#include "engine/request_runner.h"

namespace joey::engine {

namespace {

void AddInfo(const FieldSpec& field, std::vector<OipTensorInfo>& out) {
  // What no tensor can be is left out: it has no place in the description.
  if (!field.type || !field.row_shape) return;
  // bfloat16 travels as float32 outside of models.
  const ElementType type =
      *field.type == ElementType::kBFloat16 ? ElementType::kFloat32 : *field.type;
  OipTensorInfo info{field.name, std::string(OipDatatype(type)), {-1}};
  info.shape.insert(info.shape.end(), field.row_shape->begin(), field.row_shape->end());
  out.push_back(std::move(info));
}

bool Has(const std::vector<OipTensorInfo>& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const OipTensorInfo& tensor) { return tensor.name == name; });
}

// Inputs: of the first step, and of later ones what the step before does not give. Outputs: of the
// last step's models; of a shadow deployment the champion's.
OipModelInfo Describe(const Pipeline& pipeline) {
  OipModelInfo info;
  info.name = pipeline.context().pipeline_name;
  info.version = pipeline.context().pipeline_version;
  for (const std::unique_ptr<Step>& step : pipeline.steps()) {
    std::vector<OipTensorInfo> outputs;
    for (const ModelRunner& model : step->models()) {
      for (const FieldSpec& input : model.inputs()) {
        if (Has(info.outputs, input.name) || Has(info.inputs, input.name)) continue;
        AddInfo(input, info.inputs);
      }
      if (&model != &step->models().front() && !step->splits()) continue;
      for (const FieldSpec& output : model.outputs()) {
        if (!Has(outputs, output.name)) AddInfo(output, outputs);
      }
    }
    info.outputs = std::move(outputs);
  }
  return info;
}

std::vector<std::string> ColumnsOf(const InferenceRecord& record) {
  std::vector<std::string> names = record.out->schema()->field_names();
  if (record.extra != nullptr) {
    for (const std::string& extra : record.extra->schema()->field_names()) names.push_back(extra);
  }
  return names;
}

Status UnknownOutput(const std::string& name, const std::vector<std::string>& names) {
  std::string hint = "there are " + QuotedList(names) + "; leave 'outputs' out to get all";
  const std::string guess = DidYouMean(name, names);
  if (!guess.empty()) hint = guess + " " + hint;
  return InvalidArgument("the pipeline has no output '" + name + "'", std::move(hint));
}

Status MissingThisTime(const std::string& name) {
  return FailedPrecondition("this answer has no output '" + name + "'",
                            "a challenger that is late or fails gives none, nor does a model that "
                            "a split did not choose; leave 'outputs' out to get what there is");
}

}  // namespace

OipCore::OipCore(Engine engine)
    : engine_(std::move(engine)),
      info_(Describe(*engine_.pipeline)),
      outputs_(engine_.pipeline->OutputNames()) {}

Result<const OipModelInfo*> OipCore::Find(std::string_view name, std::string_view version) const {
  if (name != info_.name) {
    return NotFound("there is no model '" + std::string(name) + "' here",
                    "a model of the Open Inference Protocol is a pipeline; this engine runs '" +
                        info_.name + "'");
  }
  if (!version.empty() && version != info_.version) {
    return NotFound("the pipeline '" + info_.name + "' does not run in the version '" +
                        std::string(version) + "'",
                    "leave the version out, or use " + info_.version);
  }
  return &info_;
}

Result<std::vector<OipTensor>> OipCore::Infer(OipRequest request) {
  const std::int64_t time_ms = NowMicros() / 1000;
  const std::int64_t start_ns = OipClockNanos();
  std::vector<OipTensor> tensors;
  Status status = engine_.runner->Run([&](InferOutcome& outcome) -> Status {
    JOEY_ASSIGN_OR_RETURN(std::vector<OipColumn> columns,
                          Run(std::move(request), time_ms, start_ns, outcome));
    tensors.reserve(columns.size());
    for (OipColumn& column : columns) tensors.push_back(OipToTensor(std::move(column)));
    return {};
  });
  if (!status.ok()) return status;
  return tensors;
}

Result<std::vector<OipColumn>> OipCore::Run(OipRequest request, std::int64_t time_ms,
                                            std::int64_t start_ns, InferOutcome& outcome) const {
  for (const std::string& name : request.outputs) {
    if (outputs_ && std::find(outputs_->begin(), outputs_->end(), name) == outputs_->end())
      return UnknownOutput(name, *outputs_);
  }
  JOEY_ASSIGN_OR_RETURN(std::shared_ptr<arrow::RecordBatch> in,
                        OipToBatch(std::move(request.inputs)));
  const auto parse_ns = static_cast<std::uint64_t>(OipClockNanos() - start_ns);
  JOEY_ASSIGN_OR_RETURN(
      InferenceRecord record,
      RunInference(*engine_.pipeline, engine_.log, std::move(in), time_ms, parse_ns, outcome));
  std::vector<OipColumn> columns;
  if (request.outputs.empty()) {
    for (int i = 0; i < record.out->num_columns(); ++i) {
      JOEY_ASSIGN_OR_RETURN(OipColumn column,
                            OipFromColumn(record.out->column_name(i), *record.out->column(i)));
      columns.push_back(std::move(column));
    }
    return columns;
  }
  for (std::string& name : request.outputs) {
    std::shared_ptr<arrow::Array> array = FindColumn(*record.out, name);
    if (array == nullptr && record.extra != nullptr) array = FindColumn(*record.extra, name);
    if (array == nullptr && outputs_) return MissingThisTime(name);
    if (array == nullptr) return UnknownOutput(name, ColumnsOf(record));
    JOEY_ASSIGN_OR_RETURN(OipColumn column, OipFromColumn(std::move(name), *array));
    columns.push_back(std::move(column));
  }
  return columns;
}

std::int64_t OipClockNanos() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace joey::engine
