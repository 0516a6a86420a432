#include "control/workspaces.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "control/names.h"

namespace joey::control {
namespace {

// All workspaces, or the one with `only`.
Status Load(Connection& connection, std::optional<std::int64_t> only,
            std::vector<Workspace>& workspaces) {
  std::unordered_map<std::int64_t, std::size_t> place;
  JOEY_RETURN_IF_ERROR(
      connection.Query("SELECT id, name, created_at, created_by, archived FROM workspace "
                       "WHERE ?1 IS NULL OR id = ?1 ORDER BY id",
                       {only}, [&](const SqlRow& row) {
                         Workspace workspace;
                         workspace.id = row.Int(0);
                         workspace.name = row.Text(1);
                         workspace.created_at = row.Int(2);
                         workspace.created_by = row.Text(3);
                         workspace.archived = row.Bool(4);
                         place[workspace.id] = workspaces.size();
                         workspaces.push_back(std::move(workspace));
                       }));
  const auto of = [&](const SqlRow& row) -> Workspace& { return workspaces[place.at(row.Int(0))]; };
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT workspace_id, id FROM model WHERE ?1 IS NULL OR workspace_id = ?1 ORDER BY id",
      {only}, [&](const SqlRow& row) { of(row).model_ids.push_back(row.Int(1)); }));
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT workspace_id, id FROM pipeline WHERE ?1 IS NULL OR workspace_id = ?1 ORDER BY id",
      {only}, [&](const SqlRow& row) { of(row).pipeline_ids.push_back(row.Int(1)); }));
  return connection.Query(
      "SELECT w.workspace_id, u.id, u.email, w.user_type FROM workspace_user w "
      "JOIN user u ON u.id = w.user_id WHERE ?1 IS NULL OR w.workspace_id = ?1 "
      "ORDER BY w.user_type DESC, u.email",
      {only}, [&](const SqlRow& row) {
        of(row).users.push_back({row.Text(1), row.Text(2), row.Text(3)});
      });
}

Result<std::int64_t> Insert(Connection& connection, std::string_view name,
                            std::string_view owner_id) {
  JOEY_ASSIGN_OR_RETURN(
      const std::int64_t id,
      connection.Insert("INSERT INTO workspace(name, created_at, created_by) VALUES (?, ?, ?)",
                        {name, NowMicros(), owner_id}));
  JOEY_RETURN_IF_ERROR(
      connection.Run("INSERT INTO workspace_user VALUES (?, ?, 'OWNER')", {id, owner_id}).status());
  return id;
}

}  // namespace

Status RequireWorkspace(Connection& connection, std::int64_t id) {
  JOEY_ASSIGN_OR_RETURN(const auto found,
                        connection.QueryInt("SELECT id FROM workspace WHERE id = ?", {id}));
  if (found) return {};
  return NoSuchId("workspace", id, "list the workspaces with /v1/api/workspaces/list");
}

Status Workspaces::EnsureDefaultUser() {
  return database_.Write([](Connection& connection) {
    return connection
        .Run(
            "INSERT INTO user(id, email, username, created_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            {kDefaultUserId, kDefaultUserEmail, kDefaultUserEmail, NowMicros()})
        .status();
  });
}

Result<std::vector<Workspace>> Workspaces::List() {
  std::vector<Workspace> out;
  JOEY_RETURN_IF_ERROR(
      database_.Read([&](Connection& connection) { return Load(connection, std::nullopt, out); }));
  return out;
}

Result<Workspace> Workspaces::Get(std::int64_t id) {
  std::vector<Workspace> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(RequireWorkspace(connection, id));
    return Load(connection, id, out);
  }));
  return std::move(out.front());
}

Result<std::int64_t> Workspaces::Create(std::string_view name, std::string_view owner_id) {
  JOEY_RETURN_IF_ERROR(CheckWorkspaceName(name));
  std::int64_t id = 0;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(id, Insert(connection, name, owner_id));
    return {};
  }));
  return id;
}

Result<Workspace> Workspaces::Default(std::string_view user_id, std::string_view email) {
  constexpr std::string_view kSelect =
      "SELECT workspace_id FROM user_default_workspace WHERE user_id = ?";
  std::optional<std::int64_t> id;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(id, connection.QueryInt(kSelect, {user_id}));
    return {};
  }));
  if (!id) {
    JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
      // Another request may have made it in between.
      JOEY_ASSIGN_OR_RETURN(id, connection.QueryInt(kSelect, {user_id}));
      if (id) return {};
      const std::string name = std::string(email) + " - Default Workspace";
      JOEY_ASSIGN_OR_RETURN(id, Insert(connection, name, user_id));
      return connection.Run("INSERT INTO user_default_workspace VALUES (?, ?)", {user_id, id})
          .status();
    }));
  }
  return Get(*id);
}

}  // namespace joey::control
