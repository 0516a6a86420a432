// How a model's signature is kept in the database and shown in documents.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runtime/onnx_inspect.h"

namespace joey::control {

// [{"name", "type", "shape": [null | n, …]}]; null: any size.
nlohmann::json FieldsToJson(const std::vector<OnnxField>& fields);

std::string SignatureToJson(const OnnxSignature& signature);
Result<OnnxSignature> SignatureFromJson(const std::string& text);

}  // namespace joey::control
