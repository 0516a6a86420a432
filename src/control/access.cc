#include "control/access.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "control/names.h"

namespace joey::control {
namespace {

constexpr std::string_view kFailuresSuffix = "-failures";

struct Kind {
  std::string_view what;
  const char* hint;
};

Kind KindOf(Resource resource) {
  switch (resource) {
    case Resource::kWorkspace:
      return {"workspace", "list the workspaces with /v1/api/workspaces/list"};
    case Resource::kModel:
      return {"model", "list the models with /v1/api/models/list"};
    case Resource::kModelVersion:
      return {"model version", "list the models with /v1/api/models/list"};
    case Resource::kModelConfig:
      return {"model configuration", "make one with /v1/api/models/insert_model_config"};
    case Resource::kPipeline:
      return {"pipeline", "list the pipelines with /v1/api/pipelines/list"};
    case Resource::kPipelineVersion:
      return {"pipeline version",
              "list the pipelines and their versions with /v1/api/pipelines/list"};
    case Resource::kDeployment:
      return {"deployment", "list the pipelines and their deployments with /v1/api/pipelines/list"};
    case Resource::kDeploymentName:
      return {"deployment", "deploy the pipeline first: pipeline.deploy()"};
    case Resource::kLogTopic:
      return {"pipeline with the log topic",
              "ask /v1/api/plateau/get_topic_name for the topic of a pipeline"};
    case Resource::kConnection:
    case Resource::kConnectionName:
      return {"connection", "list the connections with wl.list_connections()"};
    case Resource::kAssay:
      return {"assay", "list the assays with wl.list_assays()"};
    case Resource::kTag:
      return {"tag", "list the tags with wl.list_tags(), or make one with wl.create_tag(text)"};
  }
  return {"resource", ""};
}

// The workspace that the thing lies in, for what lies in one. ?1 is the key.
const char* WorkspaceSql(Resource resource) {
  switch (resource) {
    case Resource::kWorkspace:
      return "SELECT id FROM workspace WHERE id = ?1";
    case Resource::kModel:
      return "SELECT workspace_id FROM model WHERE id = ?1";
    case Resource::kModelVersion:
      return "SELECT m.workspace_id FROM model_version v JOIN model m ON m.id = v.model_id "
             "WHERE v.id = ?1";
    case Resource::kModelConfig:
      return "SELECT m.workspace_id FROM model_config c "
             "JOIN model_version v ON v.id = c.model_version_id "
             "JOIN model m ON m.id = v.model_id WHERE c.id = ?1";
    case Resource::kPipeline:
    case Resource::kLogTopic:
      return "SELECT workspace_id FROM pipeline WHERE id = ?1";
    case Resource::kPipelineVersion:
      return "SELECT p.workspace_id FROM pipeline_version v JOIN pipeline p "
             "ON p.id = v.pipeline_id WHERE v.version = ?1";
    case Resource::kAssay:
      return "SELECT p.workspace_id FROM assay a JOIN pipeline p ON p.id = a.pipeline_id "
             "WHERE a.id = ?1";
    case Resource::kDeployment:
    case Resource::kDeploymentName:
      return "SELECT p.workspace_id FROM deployment d JOIN pipeline p ON p.id = d.pipeline_id "
             "WHERE d.id = ?1";
    case Resource::kConnection:
    case Resource::kConnectionName:
    case Resource::kTag:
      break;
  }
  return nullptr;
}

SqlValue ValueOf(const ResourceKey& key) {
  if (const auto* number = std::get_if<std::int64_t>(&key)) return *number;
  return std::get<std::string>(key);
}

Result<Role> RoleInWorkspace(Connection& connection, const User& user, Resource resource,
                             const ResourceKey& key) {
  JOEY_ASSIGN_OR_RETURN(const auto workspace,
                        connection.QueryInt(WorkspaceSql(resource), {ValueOf(key)}));
  if (!workspace) return Role::kNone;
  if (user.administrator) return Role::kAdministrator;
  Role role = Role::kNone;
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT user_type FROM workspace_user WHERE workspace_id = ? AND user_id = ?",
      {workspace, user.id}, [&](const SqlRow& row) {
        role = row.Text(0) == "OWNER" ? Role::kOwner : Role::kCollaborator;
      }));
  return role;
}

// Of what belongs to a user. `owned` counts the things with key ?1 that user ?2 made, `seen` those
// that lie in a workspace of the user, `all` those that exist.
Result<Role> RoleOfMaker(Connection& connection, const User& user, const ResourceKey& key,
                         const char* all, const char* owned, const char* seen) {
  const SqlValue value = ValueOf(key);
  JOEY_ASSIGN_OR_RETURN(auto found, connection.QueryInt(all, {value}));
  if (found.value_or(0) == 0) return Role::kNone;
  if (user.administrator) return Role::kAdministrator;
  JOEY_ASSIGN_OR_RETURN(found, connection.QueryInt(owned, {value, user.id}));
  if (found.value_or(0) > 0) return Role::kOwner;
  JOEY_ASSIGN_OR_RETURN(found, connection.QueryInt(seen, {value, user.id}));
  return found.value_or(0) > 0 ? Role::kCollaborator : Role::kNone;
}

Result<Role> RoleOfTag(Connection& connection, const User& user, const ResourceKey& key) {
  return RoleOfMaker(
      connection, user, key, "SELECT count(*) FROM tag WHERE id = ?1",
      "SELECT count(*) FROM tag WHERE id = ?1 AND created_by = ?2",
      "SELECT (SELECT count(*) FROM pipeline_tag t JOIN pipeline p ON p.id = t.pipeline_id "
      "JOIN workspace_user w ON w.workspace_id = p.workspace_id "
      "WHERE t.tag_id = ?1 AND w.user_id = ?2) + "
      "(SELECT count(*) FROM model_version_tag t JOIN model_version v "
      "ON v.id = t.model_version_id JOIN model m ON m.id = v.model_id "
      "JOIN workspace_user w ON w.workspace_id = m.workspace_id "
      "WHERE t.tag_id = ?1 AND w.user_id = ?2)");
}

Result<Role> RoleOfConnection(Connection& connection, const User& user, Resource resource,
                              const ResourceKey& key) {
  if (resource == Resource::kConnection) {
    return RoleOfMaker(connection, user, key, "SELECT count(*) FROM connection WHERE id = ?1",
                       "SELECT count(*) FROM connection WHERE id = ?1 AND created_by = ?2",
                       "SELECT count(*) FROM workspace_connection a "
                       "JOIN workspace_user w ON w.workspace_id = a.workspace_id "
                       "WHERE a.connection_id = ?1 AND w.user_id = ?2");
  }
  return RoleOfMaker(connection, user, key, "SELECT count(*) FROM connection WHERE name = ?1",
                     "SELECT count(*) FROM connection WHERE name = ?1 AND created_by = ?2",
                     "SELECT count(*) FROM connection c "
                     "JOIN workspace_connection a ON a.connection_id = c.id "
                     "JOIN workspace_user w ON w.workspace_id = a.workspace_id "
                     "WHERE c.name = ?1 AND w.user_id = ?2");
}

// For names that end in a number: the number, if the name belongs to it. 0 otherwise.
Result<std::int64_t> NumberOf(Connection& connection, Resource resource, std::string_view name) {
  std::string_view base = name;
  if (resource == Resource::kLogTopic && base.ends_with(kFailuresSuffix)) {
    base.remove_suffix(kFailuresSuffix.size());
  }
  const std::int64_t number = TrailingNumber(base);
  const bool topic = resource == Resource::kLogTopic;
  bool same = false;
  JOEY_RETURN_IF_ERROR(
      connection.Query(topic ? "SELECT id, workspace_id, name FROM pipeline WHERE id = ?"
                             : "SELECT id, 0, deploy_id FROM deployment WHERE id = ?",
                       {number}, [&](const SqlRow& row) {
                         Pipeline pipeline;
                         pipeline.id = row.Int(0);
                         pipeline.workspace_id = row.Int(1);
                         pipeline.name = row.Text(2);
                         same = topic ? TopicName(pipeline) == base
                                      : pipeline.name + "-" + std::to_string(pipeline.id) == base;
                       }));
  return same ? number : 0;
}

// Names like the wanted one that the user sees, for "did you mean".
Result<std::vector<std::string>> SeenNames(Connection& connection, const User& user,
                                           Resource resource) {
  std::vector<std::string> out;
  const Viewer viewer = ViewerOf(user);
  std::string sql;
  if (resource == Resource::kDeploymentName) {
    sql =
        "SELECT d.deploy_id || '-' || d.id FROM deployment d JOIN pipeline p "
        "ON p.id = d.pipeline_id WHERE d.deployed = 1 AND " +
        SeenBy("p.workspace_id", 1);
  } else if (resource == Resource::kConnectionName) {
    sql =
        "SELECT name FROM connection WHERE ?1 IS NULL OR created_by = ?1 OR id IN "
        "(SELECT a.connection_id FROM workspace_connection a JOIN workspace_user w "
        "ON w.workspace_id = a.workspace_id WHERE w.user_id = ?1)";
  }
  if (sql.empty()) return out;
  JOEY_RETURN_IF_ERROR(
      connection.Query(sql, {viewer}, [&](const SqlRow& row) { out.push_back(row.Text(0)); }));
  return out;
}

Status NotSeen(Connection& connection, const User& user, Resource resource,
               const ResourceKey& key) {
  const Kind kind = KindOf(resource);
  if (const auto* number = std::get_if<std::int64_t>(&key)) {
    return NoSuchId(kind.what, *number, kind.hint);
  }
  JOEY_ASSIGN_OR_RETURN(const auto names, SeenNames(connection, user, resource));
  return NoSuchName(kind.what, std::get<std::string>(key), names, kind.hint);
}

Status Denied(Resource resource) {
  if (resource == Resource::kConnection || resource == Resource::kConnectionName ||
      resource == Resource::kTag) {
    return {Code::kPermissionDenied,
            "only who made this " + std::string(KindOf(resource).what) + " may do this",
            "ask that user or an administrator"};
  }
  return {Code::kPermissionDenied, "only an owner of the workspace may do this",
          "ask one of its owners: workspace.owners()"};
}

}  // namespace

std::string SeenBy(std::string_view workspace_column, int parameter) {
  return fmt::format(
      "(?{0} IS NULL OR {1} IN (SELECT workspace_id FROM workspace_user WHERE user_id = ?{0}))",
      parameter, workspace_column);
}

std::int64_t TrailingNumber(std::string_view name) {
  const std::string_view digits = name.substr(name.rfind('-') + 1);
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return error == std::errc() && end == digits.data() + digits.size() ? id : 0;
}

Result<Role> RoleOf(Connection& connection, const User& user, Resource resource,
                    const ResourceKey& key) {
  switch (resource) {
    case Resource::kTag:
      return RoleOfTag(connection, user, key);
    case Resource::kConnection:
    case Resource::kConnectionName:
      return RoleOfConnection(connection, user, resource, key);
    case Resource::kDeploymentName:
    case Resource::kLogTopic: {
      JOEY_ASSIGN_OR_RETURN(const std::int64_t number,
                            NumberOf(connection, resource, std::get<std::string>(key)));
      return RoleInWorkspace(connection, user, resource, number);
    }
    default:
      return RoleInWorkspace(connection, user, resource, key);
  }
}

Status AccessControl::Require(const User& user, Role needed, Resource resource,
                              const ResourceKey& key) {
  return database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(const Role role, RoleOf(connection, user, resource, key));
    if (role == Role::kNone) return NotSeen(connection, user, resource, key);
    return role >= needed ? Status() : Denied(resource);
  });
}

}  // namespace joey::control
