#include "control/schema_signature.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <set>
#include <string>

#include "data/element_type.h"
#include "data/schema_text.h"

namespace joey::control {
namespace {

// Of every list what one element is; the sizes go to `shape`.
const arrow::DataType& Element(const arrow::DataType& type, std::vector<std::int64_t>& shape) {
  const arrow::DataType* at = &type;
  for (;;) {
    if (at->id() == arrow::Type::FIXED_SIZE_LIST) {
      shape.push_back(static_cast<const arrow::FixedSizeListType&>(*at).list_size());
    } else if (at->id() == arrow::Type::LIST || at->id() == arrow::Type::LARGE_LIST) {
      shape.push_back(-1);
    } else {
      return *at;
    }
    at = at->field(0)->type().get();
  }
}

Result<std::vector<ModelField>> Fields(const char* key, const std::optional<std::string>& text,
                                       const ModelUpload& upload) {
  if (!text) {
    return InvalidArgument(
        fmt::format("a model of the framework '{}' needs {}", upload.framework, key),
        "upload it with input_schema and output_schema");
  }
  Result<std::shared_ptr<arrow::Schema>> schema = DecodeSchema(*text);
  if (!schema.ok()) return schema.status().WithContext(key);
  if ((*schema)->num_fields() == 0) {
    return InvalidArgument(fmt::format("{} has no fields", key), "declare what the model has");
  }
  std::vector<ModelField> out;
  std::set<std::string> names;
  for (const auto& field : (*schema)->fields()) {
    ModelField declared;
    declared.name = field->name();
    declared.shape.push_back(-1);
    const arrow::DataType& element = Element(*field->type(), declared.shape);
    const std::optional<ElementType> type = ElementTypeOf(element);
    if (!type) {
      return InvalidArgument(fmt::format("{} declares '{}' as {}, which cannot be served", key,
                                         field->name(), field->type()->ToString()),
                             "use numbers, booleans, strings, or lists of these");
    }
    if (declared.name.empty() || !names.insert(declared.name).second) {
      return InvalidArgument(fmt::format("{} has a field without a name, or one twice", key),
                             "give every field a name of its own");
    }
    declared.type = std::string(ElementTypeName(*type));
    out.push_back(std::move(declared));
  }
  return out;
}

}  // namespace

Result<ModelSignature> SignatureOfSchemas(const ModelUpload& upload) {
  ModelSignature out;
  JOEY_ASSIGN_OR_RETURN(out.inputs, Fields("input_schema", upload.input_schema, upload));
  JOEY_ASSIGN_OR_RETURN(out.outputs, Fields("output_schema", upload.output_schema, upload));
  return out;
}

}  // namespace joey::control
