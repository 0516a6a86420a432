#include "control/fit.h"

#include <arrow/type.h>

#include <memory>
#include <optional>
#include <string>

#include "data/schema_text.h"
#include "expression/check.h"
#include "pipeline/join_check.h"

namespace joey::control {

namespace {

Result<std::vector<FieldSpec>> SchemaFields(const std::optional<std::string>& text) {
  if (!text) return std::vector<FieldSpec>();
  JOEY_ASSIGN_OR_RETURN(const std::shared_ptr<arrow::Schema> schema, DecodeSchema(*text));
  return joey::FieldsOf(schema);
}

}  // namespace

Result<ModelFields> FieldsOf(const ModelVersion& version, const ModelConfig& config) {
  ModelFields out{version.name, {}, {}};
  if (version.signature.inputs.empty()) {
    JOEY_ASSIGN_OR_RETURN(out.inputs, SchemaFields(config.input_schema));
    JOEY_ASSIGN_OR_RETURN(out.outputs, SchemaFields(config.output_schema));
  }
  for (const ModelField& field : version.signature.inputs) out.inputs.push_back(FieldOf(field));
  for (const ModelField& field : version.signature.outputs) out.outputs.push_back(FieldOf(field));
  if (config.tensor_fields) {
    JOEY_RETURN_IF_ERROR(RenameInputs(version.name, *config.tensor_fields, out.inputs));
  }
  return out;
}

Status CheckFit(const Plan& plan, const std::vector<StepFields>& steps) {
  JOEY_RETURN_IF_ERROR(CheckJoins(steps));
  for (const std::string& text : plan.checks) {
    JOEY_ASSIGN_OR_RETURN(const std::vector<Check> checks, Check::Parse(text));
    for (const Check& check : checks) {
      if (!check.legacy()) JOEY_RETURN_IF_ERROR(CheckColumns(check, steps.back()));
    }
  }
  return {};
}

}  // namespace joey::control
