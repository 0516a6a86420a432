// How a model's signature is kept in the database and shown in documents.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "runtime/model_signature.h"

namespace joey::control {

// [{"name", "type", "shape": [null | n, …]}]; null: any size.
nlohmann::json FieldsToJson(const std::vector<ModelField>& fields);

std::string SignatureToJson(const ModelSignature& signature);
Result<ModelSignature> SignatureFromJson(const std::string& text);

}  // namespace joey::control
