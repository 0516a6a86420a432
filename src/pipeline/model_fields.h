// The columns a model takes and gives, as far as they are known before there is data.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/tensor.h"
#include "runtime/model_signature.h"

namespace joey {

struct FieldSpec {
  std::string name;
  std::optional<ElementType> type;
  std::optional<std::int64_t> row_elements;            // values of one row
  std::optional<std::vector<std::int64_t>> row_shape;  // of one row; -1 is any size
};

struct ModelFields {
  std::string model;               // its name, for errors
  std::vector<FieldSpec> inputs;   // as the pipeline names them; empty where it takes what there is
  std::vector<FieldSpec> outputs;  // empty where nothing was declared
};

// The models of one step, of which a split chooses and a shadow deployment runs all.
struct StepFields {
  std::vector<ModelFields> models;
  bool splits = false;
};

FieldSpec FieldOf(const TensorSpec& tensor);
// Of what a file says; what is not certain there is left open.
FieldSpec FieldOf(const ModelField& field);
// Empty without a schema.
std::vector<FieldSpec> FieldsOf(const std::shared_ptr<arrow::Schema>& schema);

// The type of a tensor's column; null where it is not known before there is data.
std::shared_ptr<arrow::DataType> ColumnTypeOf(const FieldSpec& field);

// Names the inputs of `model` by `names`, if there are any. InvalidArgument: not as many.
Status RenameInputs(const std::string& model, const std::vector<std::string>& names,
                    std::vector<FieldSpec>& inputs);

}  // namespace joey
