#include "control/model_rows.h"

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "control/names.h"
#include "control/signature_json.h"

namespace joey::control {

Status LoadModelVersions(Connection& connection, std::string_view where,
                         std::initializer_list<SqlValue> values, std::vector<ModelVersion>& out) {
  Status broken;
  const std::size_t first = out.size();
  const std::string chosen = "FROM model_version v JOIN model m ON m.id = v.model_id ";
  const std::string sql =
      "SELECT v.id, v.model_id, m.workspace_id, m.name, m.owner_id, v.version, v.sha, "
      "v.size_bytes, v.file_name, v.framework, v.arch, v.visibility, v.status, v.status_text, "
      "v.signature_json, v.created_at, v.updated_at, v.native_sha, v.environment, v.image_path " +
      chosen + std::string(where);
  JOEY_RETURN_IF_ERROR(connection.Query(sql, values, [&](const SqlRow& row) {
    ModelVersion version;
    version.id = row.Int(0);
    version.model_id = row.Int(1);
    version.workspace_id = row.Int(2);
    version.name = row.Text(3);
    version.owner_id = row.Text(4);
    version.version = row.Text(5);
    version.sha = row.Text(6);
    version.size_bytes = row.Int(7);
    version.file_name = row.Text(8);
    version.framework = row.Text(9);
    version.arch = row.Text(10);
    version.visibility = row.Text(11);
    version.status = row.Text(12);
    version.status_text = row.Text(13);
    if (auto signature = SignatureFromJson(row.Text(14)); signature.ok()) {
      version.signature = std::move(signature).value();
    } else {
      broken = signature.status();
    }
    version.created_at = row.Int(15);
    version.updated_at = row.Int(16);
    version.native_sha = row.Text(17);
    version.environment = row.Text(18);
    version.image_path = row.Text(19);
    out.push_back(std::move(version));
  }));
  JOEY_RETURN_IF_ERROR(broken);
  std::unordered_map<std::int64_t, ModelVersion*> places;
  for (std::size_t i = first; i < out.size(); ++i) places[out[i].id] = &out[i];
  return connection.Query(
      "SELECT x.model_version_id, t.id, t.tag FROM model_version_tag x JOIN tag t "
      "ON t.id = x.tag_id WHERE x.model_version_id IN (SELECT v.id " +
          chosen + std::string(where) + ") ORDER BY t.id",
      values, [&](const SqlRow& row) {
        places.at(row.Int(0))->tags.push_back({row.Int(1), row.Text(2)});
      });
}

Result<ModelVersion> LoadModelVersion(Connection& connection, std::int64_t version_id) {
  std::vector<ModelVersion> versions;
  JOEY_RETURN_IF_ERROR(LoadModelVersions(connection, "WHERE v.id = ?", {version_id}, versions));
  if (versions.empty()) {
    return NoSuchId("model version", version_id, "list the models with /v1/api/models/list");
  }
  return std::move(versions.front());
}

Status LoadModelConfigs(Connection& connection, std::string_view where,
                        std::initializer_list<SqlValue> values, std::vector<ModelConfig>& out) {
  Status broken;
  const std::string sql =
      "SELECT id, model_version_id, runtime, tensor_fields_json, filter_threshold, input_schema, "
      "output_schema, batch_config FROM model_config " +
      std::string(where);
  JOEY_RETURN_IF_ERROR(connection.Query(sql, values, [&](const SqlRow& row) {
    ModelConfig config;
    config.id = row.Int(0);
    config.model_version_id = row.Int(1);
    config.runtime = row.Text(2);
    if (const auto fields = row.OptionalText(3)) {
      try {
        config.tensor_fields = nlohmann::json::parse(*fields).get<std::vector<std::string>>();
      } catch (const nlohmann::json::exception& error) {
        broken = {Code::kDataLoss,
                  std::string("a stored model configuration is damaged: ") + error.what()};
      }
    }
    config.filter_threshold = row.OptionalDouble(4);
    config.input_schema = row.OptionalText(5);
    config.output_schema = row.OptionalText(6);
    config.batch_config = row.OptionalText(7);
    out.push_back(std::move(config));
  }));
  return broken;
}

Result<std::int64_t> InsertModelConfig(Connection& connection, const ModelConfig& config) {
  std::optional<std::string> fields;
  if (config.tensor_fields) fields = nlohmann::json(*config.tensor_fields).dump();
  return connection.Insert(
      "INSERT INTO model_config(model_version_id, runtime, tensor_fields_json, filter_threshold, "
      "input_schema, output_schema, batch_config, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {config.model_version_id, config.runtime, fields, config.filter_threshold,
       config.input_schema, config.output_schema, config.batch_config, NowMicros()});
}

}  // namespace joey::control
