#include "pipeline/model_runner.h"

#include <arrow/array/concatenate.h>
#include <arrow/type.h>

#include "base/suggest.h"
#include "data/schema_cache.h"

namespace joey {

namespace {

std::vector<std::string> Names(const std::vector<FieldSpec>& fields) {
  std::vector<std::string> out;
  for (const FieldSpec& field : fields) out.push_back(field.name);
  return out;
}

Result<arrow::ArrayVector> RunOnce(const Model& model, std::span<const Tensor> inputs,
                                   std::int64_t rows) {
  JOEY_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, model.Run(inputs));
  arrow::ArrayVector columns;
  columns.reserve(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    JOEY_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Array> column,
                          TensorToColumn(std::move(outputs[i]), rows, model.outputs()[i].name));
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
Result<arrow::ArrayVector> RunRowByRow(const Model& model, std::span<const Tensor> inputs,
                                       std::int64_t rows) {
  std::vector<arrow::ArrayVector> pieces(model.outputs().size());
  for (std::int64_t row = 0; row < rows; ++row) {
    std::vector<Tensor> one;
    for (const Tensor& input : inputs) one.push_back(RowOf(input, row));
    JOEY_ASSIGN_OR_RETURN(arrow::ArrayVector columns, RunOnce(model, one, 1));
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

std::shared_ptr<arrow::Array> FindColumn(const arrow::RecordBatch& batch, std::string_view name) {
  for (int i = 0; i < batch.num_columns(); ++i) {
    if (batch.schema()->field(i)->name() == name) return batch.column(i);
  }
  return nullptr;
}

Result<ModelRunner> ModelRunner::Make(const ModelEntry& entry, LoadedModel model) {
  ModelRunner runner(entry, std::move(model));
  runner.fields_.model = entry.reference.name;
  if (runner.model_.tensors != nullptr) {
    runner.tensor_inputs_ = runner.model_.tensors->inputs();
    for (const TensorSpec& spec : runner.tensor_inputs_) {
      runner.fields_.inputs.push_back(FieldOf(spec));
    }
    for (const TensorSpec& spec : runner.model_.tensors->outputs()) {
      runner.fields_.outputs.push_back(FieldOf(spec));
    }
  } else {
    runner.fields_.inputs = FieldsOf(runner.model_.tables->input_schema());
    runner.fields_.outputs = FieldsOf(runner.model_.tables->output_schema());
  }
  const std::vector<std::string>& names = entry.tensor_fields;
  JOEY_RETURN_IF_ERROR(RenameInputs(entry.reference.name, names, runner.fields_.inputs));
  for (std::size_t i = 0; i < names.size() && !runner.tensor_inputs_.empty(); ++i) {
    runner.tensor_inputs_[i].name = names[i];
  }
  return runner;
}

Status ModelRunner::MissingColumn(const std::string& wanted, const arrow::RecordBatch& have) const {
  std::vector<std::string> columns = have.schema()->field_names();
  std::string hint =
      "rename the column, or name the model's inputs after your data with "
      "model.configure(tensor_fields=[…])";
  std::string guess = DidYouMean(wanted, columns);
  if (!guess.empty()) hint = guess + " " + hint;
  return InvalidArgument("the column '" + wanted + "' is missing: model '" + reference().name +
                             "' takes " + QuotedList(Names(fields_.inputs)) + ", there are " +
                             QuotedList(columns),
                         std::move(hint));
}

Result<std::shared_ptr<arrow::RecordBatch>> ModelRunner::Run(
    const std::shared_ptr<arrow::RecordBatch>& previous, const arrow::RecordBatch& request) const {
  const std::int64_t rows = previous->num_rows();
  if (entry_.single_row && rows > 1) {
    return InvalidArgument("model '" + reference().name +
                               "' is configured for one row per request, this one has " +
                               std::to_string(rows),
                           "send one row per request, or configure it without "
                           "batch_config=\"single\"");
  }
  if (model_.tensors != nullptr) return RunTensors(*previous, request);
  return RunTables(previous, request);
}

Result<std::shared_ptr<arrow::RecordBatch>> ModelRunner::RunTensors(
    const arrow::RecordBatch& previous, const arrow::RecordBatch& request) const {
  const Model& model = *model_.tensors;
  const std::int64_t rows = previous.num_rows();
  std::vector<Tensor> inputs;
  inputs.reserve(tensor_inputs_.size());
  std::int64_t batch = -1;  // a fixed batch size of the model
  for (const TensorSpec& spec : tensor_inputs_) {
    std::shared_ptr<arrow::Array> column = FindColumn(previous, spec.name);
    if (column == nullptr) column = FindColumn(request, spec.name);
    if (column == nullptr) return MissingColumn(spec.name, previous);
    JOEY_ASSIGN_OR_RETURN(Tensor tensor, ColumnToTensor(*column, spec));
    inputs.push_back(std::move(tensor));
    if (!spec.shape.empty() && spec.shape[0] > 0) batch = spec.shape[0];
  }
  arrow::ArrayVector columns;
  if (batch < 0 || batch == rows) {
    JOEY_ASSIGN_OR_RETURN(columns, RunOnce(model, inputs, rows));
  } else if (batch == 1) {
    JOEY_ASSIGN_OR_RETURN(columns, RunRowByRow(model, inputs, rows));
  } else {
    return InvalidArgument("model '" + reference().name + "' takes exactly " +
                               std::to_string(batch) + " rows per request, this one has " +
                               std::to_string(rows),
                           "send that many rows, or export the model with a dynamic batch size");
  }
  thread_local SchemaCache schemas;
  auto schema = schemas.Get(
      columns, [&](std::size_t i) -> const std::string& { return model.outputs()[i].name; });
  return arrow::RecordBatch::Make(std::move(schema), rows, std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> ModelRunner::RunTables(
    const std::shared_ptr<arrow::RecordBatch>& previous, const arrow::RecordBatch& request) const {
  const TableModel& model = *model_.tables;
  const std::shared_ptr<arrow::Schema>& declared = model.input_schema();
  Result<std::shared_ptr<arrow::RecordBatch>> out = previous;
  if (declared == nullptr) {
    out = model.Run(previous);
  } else {
    arrow::FieldVector fields;
    arrow::ArrayVector columns;
    for (std::size_t i = 0; i < fields_.inputs.size(); ++i) {
      const std::string& name = fields_.inputs[i].name;
      std::shared_ptr<arrow::Array> column = FindColumn(*previous, name);
      if (column == nullptr) column = FindColumn(request, name);
      if (column == nullptr) return MissingColumn(name, *previous);
      fields.push_back(arrow::field(declared->field(static_cast<int>(i))->name(), column->type()));
      columns.push_back(std::move(column));
    }
    out = model.Run(arrow::RecordBatch::Make(arrow::schema(std::move(fields)), previous->num_rows(),
                                             std::move(columns)));
  }
  if (!out.ok()) return out.status();
  if ((*out)->num_rows() != previous->num_rows()) {
    return FailedPrecondition("model '" + reference().name + "' gave " +
                                  std::to_string((*out)->num_rows()) + " rows for " +
                                  std::to_string(previous->num_rows()),
                              "a step gives one row for each row it gets");
  }
  return out;
}

}  // namespace joey
