#include "pipeline/pipeline.h"

#include <arrow/array/concatenate.h>
#include <arrow/type.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "data/schema_cache.h"

namespace joey {

namespace {

std::uint64_t NanosSince(std::chrono::steady_clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start)
          .count());
}

JsonKind KindFor(ElementType type) {
  if (IsFloating(type)) return JsonKind::kDouble;
  if (type == ElementType::kUInt64) return JsonKind::kUInt64;
  if (IsInteger(type)) return JsonKind::kInt64;
  return type == ElementType::kBool ? JsonKind::kBool : JsonKind::kString;
}

std::shared_ptr<arrow::Array> FindColumn(const arrow::RecordBatch& batch, const std::string& name) {
  for (int i = 0; i < batch.num_columns(); ++i) {
    if (batch.column_name(i) == name) return batch.column(i);
  }
  return nullptr;
}

template <typename Names>
std::string Quoted(const Names& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += "'" + name + "'";
    if (out.size() > 200) return out + ", …";
  }
  return out;
}

Status MissingColumn(const Step& step, const std::string& wanted, const arrow::RecordBatch& have) {
  std::vector<std::string> columns = have.schema()->field_names();
  std::vector<std::string> inputs;
  for (const TensorSpec& input : step.inputs) inputs.push_back(input.name);
  std::string hint =
      "rename the column, or name the model's inputs after your data with "
      "model.configure(tensor_fields=[…])";
  std::string guess = DidYouMean(wanted, columns);
  if (!guess.empty()) hint = guess + " " + hint;
  return InvalidArgument("the column '" + wanted + "' is missing: model '" +
                             step.entry.reference.name + "' takes " + Quoted(inputs) +
                             ", there are " + Quoted(columns),
                         std::move(hint));
}

Result<arrow::ArrayVector> RunOnce(const Step& step, std::span<const Tensor> inputs,
                                   std::int64_t rows) {
  JOEY_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, step.model->Run(inputs));
  arrow::ArrayVector columns;
  columns.reserve(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    JOEY_ASSIGN_OR_RETURN(
        std::shared_ptr<arrow::Array> column,
        TensorToColumn(std::move(outputs[i]), rows, step.model->outputs()[i].name));
    columns.push_back(std::move(column));
  }
  return columns;
}

Tensor RowOf(const Tensor& tensor, std::int64_t row) {
  Tensor out;
  out.type = tensor.type;
  out.shape = tensor.shape;
  out.shape[0] = 1;
  std::int64_t count = out.ElementCount();
  if (tensor.type == ElementType::kString) {
    out.strings.assign(tensor.strings.begin() + row * count,
                       tensor.strings.begin() + (row + 1) * count);
  } else {
    out.data = static_cast<const char*>(tensor.data) +
               static_cast<std::size_t>(row * count) * ElementSize(tensor.type);
  }
  return out;
}

// For models whose batch size is fixed to one.
Result<arrow::ArrayVector> RunRowByRow(const Step& step, std::span<const Tensor> inputs,
                                       std::int64_t rows) {
  std::vector<arrow::ArrayVector> pieces(step.model->outputs().size());
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<Tensor> one;
    for (const Tensor& input : inputs) one.push_back(RowOf(input, row));
    JOEY_ASSIGN_OR_RETURN(arrow::ArrayVector columns, RunOnce(step, one, 1));
    for (std::size_t i = 0; i < columns.size(); ++i) pieces[i].push_back(std::move(columns[i]));
  }
  arrow::ArrayVector joined;
  for (arrow::ArrayVector& column : pieces) {
    auto whole = arrow::Concatenate(column);
    if (!whole.ok()) return Internal("cannot join the rows' outputs: " + whole.status().ToString());
    joined.push_back(std::move(*whole));
  }
  return joined;
}

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::Make(const DeploymentDocument& document,
                                                 std::vector<std::shared_ptr<const Model>> models) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline());
  if (document.steps.empty()) {
    return FailedPrecondition("the pipeline has no steps", "add one with add_model_step(model)");
  }
  for (const ModelReference& reference : document.steps) {
    Step step;
    for (std::size_t i = 0; i < document.models.size(); ++i) {
      if (document.models[i].reference.version != reference.version) continue;
      step.entry = document.models[i];
      step.model = models[i];
    }
    if (step.model == nullptr) {
      return InvalidArgument("the model '" + reference.name + "' version " + reference.version +
                             " of a step is not among the deployment's models");
    }
    step.inputs = step.model->inputs();
    const std::vector<std::string>& fields = step.entry.tensor_fields;
    if (!fields.empty() && fields.size() != step.inputs.size()) {
      return InvalidArgument("tensor_fields of model '" + reference.name + "' has " +
                                 std::to_string(fields.size()) + " names, the model has " +
                                 std::to_string(step.inputs.size()) + " inputs",
                             "give one name per input");
    }
    for (std::size_t i = 0; i < fields.size(); ++i) step.inputs[i].name = fields[i];
    pipeline->steps_.push_back(std::move(step));
  }
  for (const TensorSpec& input : pipeline->steps_.front().inputs) {
    pipeline->hints_.push_back({input.name, KindFor(input.type)});
  }
  const ModelReference& last = document.steps.back();
  auto context = std::make_shared<RecordContext>();
  context->topic = document.topic;
  context->pipeline_name = document.pipeline_name;
  context->pipeline_version = document.pipeline_version;
  context->partition = document.partition;
  context->last_model =
      nlohmann::ordered_json{{"model_name", last.name}, {"model_sha", last.sha}}.dump();
  context->check_column = document.check_column;
  pipeline->context_ = std::move(context);
  return pipeline;
}

Result<InferenceRecord> Pipeline::Execute(std::shared_ptr<arrow::RecordBatch> in,
                                          std::int64_t time_ms, std::uint64_t parse_ns) const {
  InferenceRecord record;
  record.context = context_;
  record.time_ms = time_ms;
  record.rows = in->num_rows();
  record.elapsed_ns.reserve(steps_.size() + 1);
  record.elapsed_ns.push_back(parse_ns);
  std::shared_ptr<arrow::RecordBatch> current = in;
  for (const Step& step : steps_) {
    auto start = std::chrono::steady_clock::now();
    JOEY_ASSIGN_OR_RETURN(current, RunStep(step, *current, *in));
    record.elapsed_ns.push_back(NanosSince(start));
  }
  record.in = std::move(in);
  record.out = std::move(current);
  return record;
}

Result<std::shared_ptr<arrow::RecordBatch>> Pipeline::RunStep(
    const Step& step, const arrow::RecordBatch& previous, const arrow::RecordBatch& request) const {
  std::int64_t rows = request.num_rows();
  if (step.entry.single_row && rows > 1) {
    return InvalidArgument("model '" + step.entry.reference.name +
                               "' is configured for one row per request, this one has " +
                               std::to_string(rows),
                           "send one row per request, or configure it without "
                           "batch_config=\"single\"");
  }
  std::vector<Tensor> inputs;
  inputs.reserve(step.inputs.size());
  std::int64_t batch = -1;  // a fixed batch size of the model
  for (const TensorSpec& spec : step.inputs) {
    std::shared_ptr<arrow::Array> column = FindColumn(previous, spec.name);
    if (column == nullptr) column = FindColumn(request, spec.name);
    if (column == nullptr) return MissingColumn(step, spec.name, previous);
    JOEY_ASSIGN_OR_RETURN(Tensor tensor, ColumnToTensor(*column, spec));
    inputs.push_back(std::move(tensor));
    if (!spec.shape.empty() && spec.shape[0] > 0) batch = spec.shape[0];
  }
  arrow::ArrayVector columns;
  if (batch < 0 || batch == rows) {
    JOEY_ASSIGN_OR_RETURN(columns, RunOnce(step, inputs, rows));
  } else if (batch == 1) {
    JOEY_ASSIGN_OR_RETURN(columns, RunRowByRow(step, inputs, rows));
  } else {
    return InvalidArgument("model '" + step.entry.reference.name + "' takes exactly " +
                               std::to_string(batch) + " rows per request, this one has " +
                               std::to_string(rows),
                           "send that many rows, or export the model with a dynamic batch size");
  }
  thread_local SchemaCache schemas;
  auto schema = schemas.Get(
      columns, [&](std::size_t i) -> const std::string& { return step.model->outputs()[i].name; });
  return arrow::RecordBatch::Make(std::move(schema), rows, std::move(columns));
}

}  // namespace joey
