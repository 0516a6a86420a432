#include "control/pipelines.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "control/names.h"
#include "control/pipeline_rows.h"
#include "control/workspaces.h"
#include "pipeline/definition.h"

namespace joey::control {

std::string TopicName(const Pipeline& pipeline) {
  return fmt::format("workspace-{}-pipeline-{}-{}", pipeline.workspace_id, pipeline.name,
                     pipeline.id);
}

Result<CreatedPipelineVersion> Pipelines::Create(std::int64_t workspace_id, std::string_view name,
                                                 const nlohmann::json& definition,
                                                 std::string_view owner_id) {
  JOEY_RETURN_IF_ERROR(CheckName("pipeline", name));
  JOEY_ASSIGN_OR_RETURN(const Definition parsed, ParseDefinition(definition));
  for (const StepDefinition& step : parsed.steps) {
    for (const ModelReference& model : step.models) {
      JOEY_RETURN_IF_ERROR(CheckName("model", model.name));
    }
  }
  std::string text;
  try {
    text = definition.dump();
  } catch (const nlohmann::json::exception&) {
    return InvalidArgument("'definition' holds a text that is not UTF-8");
  }
  CreatedPipelineVersion out;
  out.version = NewUuid();
  const std::int64_t now = NowMicros();
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(RequireWorkspace(connection, workspace_id));
    JOEY_RETURN_IF_ERROR(
        connection
            .Run("INSERT INTO pipeline(workspace_id, name, owner_id, visibility, created_at, "
                 "updated_at) VALUES (?1, ?2, ?3, 'private', ?4, ?4) "
                 "ON CONFLICT(workspace_id, name) DO UPDATE SET updated_at = ?4",
                 {workspace_id, name, owner_id, now})
            .status());
    JOEY_ASSIGN_OR_RETURN(
        const auto id,
        connection.QueryInt("SELECT id FROM pipeline WHERE workspace_id = ? AND name = ?",
                            {workspace_id, name}));
    out.pipeline_id = id.value_or(0);
    JOEY_ASSIGN_OR_RETURN(
        out.version_id,
        connection.Insert("INSERT INTO pipeline_version(pipeline_id, version, definition_json, "
                          "created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4)",
                          {out.pipeline_id, out.version, text, now}));
    return {};
  }));
  return out;
}

Result<std::vector<Pipeline>> Pipelines::List(std::optional<std::int64_t> workspace_id,
                                              const Viewer& viewer) {
  std::vector<Pipeline> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    if (workspace_id) JOEY_RETURN_IF_ERROR(RequireWorkspace(connection, *workspace_id));
    return LoadPipelines(
        connection, "WHERE (?1 IS NULL OR p.workspace_id = ?1) AND " + SeenBy("p.workspace_id", 2),
        {workspace_id, viewer}, out);
  }));
  return out;
}

Result<Pipeline> Pipelines::Get(std::int64_t pipeline_id) {
  Result<Pipeline> out = Status();
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    out = LoadPipeline(connection, pipeline_id);
    return out.status();
  }));
  return out;
}

Result<std::vector<Pipeline>> Pipelines::Find(std::string_view name,
                                              std::optional<std::int64_t> workspace_id,
                                              const Viewer& viewer) {
  std::vector<Pipeline> out;
  std::vector<std::string> names;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(LoadPipelines(connection,
                                       "WHERE p.name = ?1 AND (?2 IS NULL OR p.workspace_id = ?2) "
                                       "AND " +
                                           SeenBy("p.workspace_id", 3),
                                       {name, workspace_id, viewer}, out));
    if (!out.empty()) return {};
    return connection.Query(
        "SELECT DISTINCT name FROM pipeline WHERE (?1 IS NULL OR workspace_id = ?1) AND " +
            SeenBy("workspace_id", 2),
        {workspace_id, viewer}, [&](const SqlRow& row) { names.push_back(row.Text(0)); });
  }));
  if (!out.empty()) return out;
  return NoSuchName("pipeline", name, names,
                    "list the pipelines with /v1/api/pipelines/list, or make one with "
                    "wl.build_pipeline(name)");
}

Result<PipelineVersion> Pipelines::GetVersion(std::string_view version) {
  std::vector<Pipeline> pipelines;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return LoadPipelines(
        connection, "WHERE p.id = (SELECT pipeline_id FROM pipeline_version WHERE version = ?1)",
        {version}, pipelines);
  }));
  for (Pipeline& pipeline : pipelines) {
    for (PipelineVersion& found : pipeline.versions) {
      if (found.version == version) return std::move(found);
    }
  }
  return NotFound("there is no pipeline version " + Quoted(version),
                  "list the pipelines and their versions with /v1/api/pipelines/list");
}

}  // namespace joey::control
