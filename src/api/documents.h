// The documents of docs/rest-api.md: what each holds, and how it is made from a record.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/fields.h"
#include "control/records.h"

namespace joey::api {

// By name: "user", "workspace", "model", "model_version", …
const std::map<std::string, Fields>& DocumentFields();

// "#/components/schemas/<document>"
std::string SchemaReference(std::string_view document);

nlohmann::json ToJson(const control::User& user);
nlohmann::json ToJson(const control::Workspace& workspace);
// Without details, which are a secret.
nlohmann::json ToJson(const control::DataConnection& connection);
nlohmann::json ToJson(const control::Tag& tag);
nlohmann::json ToJson(const control::TagUse& use);
nlohmann::json ToJson(const control::ModelRecord& model);
nlohmann::json ToJson(const control::ModelVersion& version);
nlohmann::json ToJson(const control::ModelConfig& config);
nlohmann::json ToJson(const control::Pipeline& pipeline);
nlohmann::json ToJson(const control::PipelineVersion& version);
nlohmann::json ToJson(const control::Deployment& deployment);

template <typename T>
nlohmann::json ToJson(const std::optional<T>& value) {
  return value ? ToJson(*value) : nlohmann::json(nullptr);
}

template <typename T>
nlohmann::json ToJson(const std::vector<T>& values) {
  auto list = nlohmann::json::array();
  for (const T& value : values) list.push_back(ToJson(value));
  return list;
}

}  // namespace joey::api
