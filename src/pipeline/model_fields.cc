#include "pipeline/model_fields.h"

#include <arrow/type.h>

#include <array>

#include "data/schema_cache.h"

namespace joey {

namespace {

// Of a column of a table model.
FieldSpec FieldOf(const arrow::Field& field) {
  FieldSpec out{field.name(), std::nullopt, std::nullopt, std::vector<std::int64_t>()};
  const arrow::DataType* type = field.type().get();
  for (;; type = type->field(0)->type().get()) {
    if (type->id() == arrow::Type::FIXED_SIZE_LIST) {
      out.row_shape->push_back(static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    } else if (type->id() == arrow::Type::LIST || type->id() == arrow::Type::LARGE_LIST) {
      out.row_shape->push_back(-1);
    } else {
      break;
    }
  }
  out.type = ElementTypeOf(*type);
  if (!out.type) out.row_shape.reset();
  return out;
}

std::optional<ElementType> ElementTypeNamed(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ElementType::kString); ++i) {
    const auto type = static_cast<ElementType>(i);
    if (ElementTypeName(type) == name) return type;
  }
  return std::nullopt;
}

}  // namespace

FieldSpec FieldOf(const TensorSpec& tensor) {
  FieldSpec field{tensor.name, tensor.type, 1, std::nullopt};
  for (std::size_t i = 1; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] < 0) field.row_elements.reset();
    if (field.row_elements) *field.row_elements *= tensor.shape[i];
  }
  // Without a batch dimension the whole tensor is one row's.
  if (tensor.shape.empty()) {
    field.row_elements.reset();
  } else {
    field.row_shape.emplace(tensor.shape.begin() + 1, tensor.shape.end());
  }
  return field;
}

FieldSpec FieldOf(const ModelField& field) {
  const std::optional<ElementType> type = ElementTypeNamed(field.type);
  // {-1} is also how a shape of unknown rank is written.
  const bool open = field.shape.size() == 1 && field.shape.front() < 0;
  if (!type || open) return {field.name, type, std::nullopt, std::nullopt};
  return FieldOf(TensorSpec{field.name, *type, field.shape});
}

std::vector<FieldSpec> FieldsOf(const std::shared_ptr<arrow::Schema>& schema) {
  std::vector<FieldSpec> out;
  if (schema == nullptr) return out;
  for (const auto& field : schema->fields()) {
    out.push_back(FieldOf(*field));
  }
  return out;
}

std::shared_ptr<arrow::DataType> ColumnTypeOf(const FieldSpec& field) {
  if (!field.type || !field.row_shape) return nullptr;
  std::shared_ptr<arrow::DataType> type = ArrowElementType(*field.type);
  for (std::size_t i = 0; i < field.row_shape->size(); ++i) type = ListOf(type, ListFlavor::kInner);
  return type;
}

Status RenameInputs(const std::string& model, const std::vector<std::string>& names,
                    std::vector<FieldSpec>& inputs) {
  if (names.empty()) return {};
  if (names.size() != inputs.size()) {
    return InvalidArgument("tensor_fields of model '" + model + "' has " +
                               std::to_string(names.size()) + " names, the model has " +
                               std::to_string(inputs.size()) + " inputs",
                           "give one name per input");
  }
  for (std::size_t i = 0; i < names.size(); ++i) inputs[i].name = names[i];
  return {};
}

}  // namespace joey
