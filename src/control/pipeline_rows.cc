#include "control/pipeline_rows.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "control/names.h"

namespace joey::control {
namespace {

struct Places {
  std::unordered_map<std::int64_t, std::size_t> pipelines;
  // version id → pipeline place, version place
  std::unordered_map<std::int64_t, std::pair<std::size_t, std::size_t>> versions;
};

Status LoadVersions(Connection& connection, const std::string& chosen,
                    std::initializer_list<SqlValue> values, Places& places,
                    std::vector<Pipeline>& out) {
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT v.id, v.pipeline_id, v.version, v.definition_json, v.created_at, v.updated_at "
      "FROM pipeline_version v JOIN pipeline p ON p.id = v.pipeline_id " +
          chosen + " ORDER BY v.id DESC",
      values, [&](const SqlRow& row) {
        const std::size_t place = places.pipelines.at(row.Int(1));
        PipelineVersion version;
        version.id = row.Int(0);
        version.pipeline_id = row.Int(1);
        version.pipeline_name = out[place].name;
        version.version = row.Text(2);
        version.definition = row.Text(3);
        version.created_at = row.Int(4);
        version.updated_at = row.Int(5);
        places.versions[version.id] = {place, out[place].versions.size()};
        out[place].versions.push_back(std::move(version));
      }));
  return connection.Query(
      "SELECT c.pipeline_version_id, c.model_config_id FROM pipeline_version_config c "
      "JOIN pipeline_version v ON v.id = c.pipeline_version_id "
      "JOIN pipeline p ON p.id = v.pipeline_id " +
          chosen + " ORDER BY c.pipeline_version_id, c.position",
      values, [&](const SqlRow& row) {
        const auto& [pipeline, version] = places.versions.at(row.Int(0));
        out[pipeline].versions[version].model_config_ids.push_back(row.Int(1));
      });
}

}  // namespace

Status LoadPipelines(Connection& connection, std::string_view where,
                     std::initializer_list<SqlValue> values, std::vector<Pipeline>& out) {
  const std::string chosen(where);
  Places places;
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT p.id, p.workspace_id, p.name, p.owner_id, p.visibility, p.created_at, p.updated_at "
      "FROM pipeline p " +
          chosen + " ORDER BY p.id DESC",
      values, [&](const SqlRow& row) {
        Pipeline pipeline;
        pipeline.id = row.Int(0);
        pipeline.workspace_id = row.Int(1);
        pipeline.name = row.Text(2);
        pipeline.owner_id = row.Text(3);
        pipeline.visibility = row.Text(4);
        pipeline.created_at = row.Int(5);
        pipeline.updated_at = row.Int(6);
        places.pipelines[pipeline.id] = out.size();
        out.push_back(std::move(pipeline));
      }));
  JOEY_RETURN_IF_ERROR(LoadVersions(connection, chosen, values, places, out));
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT x.pipeline_id, t.id, t.tag FROM pipeline_tag x JOIN tag t ON t.id = x.tag_id "
      "JOIN pipeline p ON p.id = x.pipeline_id " +
          chosen + " ORDER BY t.id",
      values, [&](const SqlRow& row) {
        out[places.pipelines.at(row.Int(0))].tags.push_back({row.Int(1), row.Text(2)});
      }));
  return connection.Query(
      "SELECT d.id, d.pipeline_id, d.deploy_id, d.deployed, d.pipeline_version_id, "
      "d.engine_config_json, d.generation FROM deployment d JOIN pipeline p "
      "ON p.id = d.pipeline_id " +
          chosen,
      values, [&](const SqlRow& row) {
        Pipeline& pipeline = out[places.pipelines.at(row.Int(1))];
        Deployment deployment;
        deployment.id = row.Int(0);
        deployment.pipeline_id = row.Int(1);
        deployment.pipeline_name = pipeline.name;
        deployment.deploy_id = row.Text(2);
        deployment.deployed = row.Bool(3);
        deployment.pipeline_version_id = row.Int(4);
        deployment.engine_config = row.Text(5);
        deployment.generation = row.Int(6);
        for (PipelineVersion& version : pipeline.versions) {
          if (version.id != deployment.pipeline_version_id) continue;
          version.deployed = deployment.deployed;
          deployment.model_config_ids = version.model_config_ids;
        }
        pipeline.deployment = std::move(deployment);
      });
}

Result<Pipeline> LoadPipeline(Connection& connection, std::int64_t pipeline_id) {
  std::vector<Pipeline> out;
  JOEY_RETURN_IF_ERROR(LoadPipelines(connection, "WHERE p.id = ?1", {pipeline_id}, out));
  if (out.empty()) {
    return NoSuchId("pipeline", pipeline_id, "list the pipelines with /v1/api/pipelines/list");
  }
  return std::move(out.front());
}

}  // namespace joey::control
