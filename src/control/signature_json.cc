#include "control/signature_json.h"

#include <nlohmann/json.hpp>

namespace joey::control {

using nlohmann::json;

namespace {

std::vector<ModelField> FieldsFromJson(const json& list) {
  std::vector<ModelField> out;
  for (const json& entry : list) {
    ModelField field;
    field.name = entry.at("name").get<std::string>();
    field.type = entry.at("type").get<std::string>();
    for (const json& size : entry.at("shape")) {
      field.shape.push_back(size.is_null() ? -1 : size.get<std::int64_t>());
    }
    out.push_back(std::move(field));
  }
  return out;
}

}  // namespace

json FieldsToJson(const std::vector<ModelField>& fields) {
  json list = json::array();
  for (const ModelField& field : fields) {
    json shape = json::array();
    for (const std::int64_t size : field.shape) {
      shape.push_back(size < 0 ? json(nullptr) : json(size));
    }
    list.push_back({{"name", field.name}, {"type", field.type}, {"shape", std::move(shape)}});
  }
  return list;
}

std::string SignatureToJson(const ModelSignature& signature) {
  return json{{"ir_version", signature.ir_version},
              {"opset", signature.opset},
              {"inputs", FieldsToJson(signature.inputs)},
              {"outputs", FieldsToJson(signature.outputs)}}
      .dump();
}

Result<ModelSignature> SignatureFromJson(const std::string& text) {
  try {
    const json document = json::parse(text);
    ModelSignature out;
    out.ir_version = document.at("ir_version").get<std::int64_t>();
    out.opset = document.at("opset").get<std::int64_t>();
    out.inputs = FieldsFromJson(document.at("inputs"));
    out.outputs = FieldsFromJson(document.at("outputs"));
    return out;
  } catch (const json::exception& error) {
    return Status(Code::kDataLoss,
                  std::string("a stored model signature is damaged: ") + error.what());
  }
}

}  // namespace joey::control
