// Rows of the model tables as records; shared by the services that read them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "control/records.h"
#include "store/connection.h"

namespace joey::control {

// The versions that match `where`, which may use v (model_version) and m (model), in that order.
Status LoadModelVersions(Connection& connection, std::string_view where,
                         std::initializer_list<SqlValue> values, std::vector<ModelVersion>& out);

Result<ModelVersion> LoadModelVersion(Connection& connection, std::int64_t version_id);

// The configurations that match `where` on model_config.
Status LoadModelConfigs(Connection& connection, std::string_view where,
                        std::initializer_list<SqlValue> values, std::vector<ModelConfig>& out);

// Adds a configuration; the id.
Result<std::int64_t> InsertModelConfig(Connection& connection, const ModelConfig& config);

}  // namespace joey::control
