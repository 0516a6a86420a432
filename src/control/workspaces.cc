#include "control/workspaces.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "control/names.h"

namespace joey::control {
namespace {

// The workspaces of a viewer, or the one with `only`.
Status Load(Connection& connection, std::optional<std::int64_t> only, const Viewer& viewer,
            std::vector<Workspace>& workspaces) {
  std::unordered_map<std::int64_t, std::size_t> place;
  JOEY_RETURN_IF_ERROR(
      connection.Query("SELECT id, name, created_at, created_by, archived FROM workspace "
                       "WHERE (?1 IS NULL OR id = ?1) AND " +
                           SeenBy("id", 2) + " ORDER BY id",
                       {only, viewer}, [&](const SqlRow& row) {
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
      "SELECT workspace_id, id FROM model WHERE (?1 IS NULL OR workspace_id = ?1) AND " +
          SeenBy("workspace_id", 2) + " ORDER BY id",
      {only, viewer}, [&](const SqlRow& row) { of(row).model_ids.push_back(row.Int(1)); }));
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT workspace_id, id FROM pipeline WHERE (?1 IS NULL OR workspace_id = ?1) AND " +
          SeenBy("workspace_id", 2) + " ORDER BY id",
      {only, viewer}, [&](const SqlRow& row) { of(row).pipeline_ids.push_back(row.Int(1)); }));
  return connection.Query(
      "SELECT w.workspace_id, u.id, u.email, w.user_type FROM workspace_user w "
      "JOIN user u ON u.id = w.user_id WHERE (?1 IS NULL OR w.workspace_id = ?1) AND " +
          SeenBy("w.workspace_id", 2) + " ORDER BY w.user_type DESC, u.email",
      {only, viewer}, [&](const SqlRow& row) {
        of(row).users.push_back({row.Text(1), row.Text(2), row.Text(3), "", false});
      });
}

// The id of the user with that email.
Result<std::string> UserOf(Connection& connection, std::string_view email) {
  std::string id;
  JOEY_RETURN_IF_ERROR(connection.Query("SELECT id FROM user WHERE lower(email) = lower(?)",
                                        {email}, [&](const SqlRow& row) { id = row.Text(0); }));
  if (!id.empty()) return id;
  return NotFound("there is no user with the email " + Quoted(email),
                  "list the users with wl.list_users(), or invite one with wl.invite_user(email)");
}

Result<std::string> TypeIn(Connection& connection, std::int64_t workspace_id,
                           std::string_view user_id) {
  std::string type;
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT user_type FROM workspace_user WHERE workspace_id = ? AND user_id = ?",
      {workspace_id, user_id}, [&](const SqlRow& row) { type = row.Text(0); }));
  return type;
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

Result<std::vector<Workspace>> Workspaces::List(const Viewer& viewer) {
  std::vector<Workspace> out;
  JOEY_RETURN_IF_ERROR(database_.Read(
      [&](Connection& connection) { return Load(connection, std::nullopt, viewer, out); }));
  return out;
}

Result<Workspace> Workspaces::Get(std::int64_t id) {
  std::vector<Workspace> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(RequireWorkspace(connection, id));
    return Load(connection, id, Viewer(), out);
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

Status Workspaces::ChangeUsers(const std::function<Status(Connection&)>& change) {
  JOEY_RETURN_IF_ERROR(database_.Write(change));
  if (on_users_changed_) on_users_changed_();
  return {};
}

Status Workspaces::AddUser(std::int64_t id, std::string_view email, bool owner) {
  return ChangeUsers([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(RequireWorkspace(connection, id));
    JOEY_ASSIGN_OR_RETURN(const std::string user, UserOf(connection, email));
    JOEY_ASSIGN_OR_RETURN(const std::string type, TypeIn(connection, id, user));
    if (type == "OWNER") return {};
    return connection
        .Run(
            "INSERT INTO workspace_user(workspace_id, user_id, user_type) VALUES (?1, ?2, ?3) "
            "ON CONFLICT(workspace_id, user_id) DO UPDATE SET user_type = ?3",
            {id, user, owner ? "OWNER" : "COLLABORATOR"})
        .status();
  });
}

Status Workspaces::RemoveUser(std::int64_t id, std::string_view email) {
  return ChangeUsers([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(RequireWorkspace(connection, id));
    JOEY_ASSIGN_OR_RETURN(const std::string user, UserOf(connection, email));
    JOEY_ASSIGN_OR_RETURN(const std::string type, TypeIn(connection, id, user));
    if (type.empty()) {
      return NotFound("the user " + Quoted(email) + " is not in this workspace",
                      "its users are in workspace.users()");
    }
    JOEY_ASSIGN_OR_RETURN(const auto owners,
                          connection.QueryInt("SELECT count(*) FROM workspace_user "
                                              "WHERE workspace_id = ? AND user_type = 'OWNER'",
                                              {id}));
    if (type == "OWNER" && owners.value_or(0) == 1) {
      return FailedPrecondition(Quoted(email) + " is the last owner of this workspace",
                                "make another user its owner first: workspace.add_owner(email)");
    }
    // Whose default it was gets a new one when it is next asked for.
    JOEY_RETURN_IF_ERROR(connection
                             .Run("DELETE FROM user_default_workspace WHERE workspace_id = ? AND "
                                  "user_id = ?",
                                  {id, user})
                             .status());
    return connection
        .Run("DELETE FROM workspace_user WHERE workspace_id = ? AND user_id = ?", {id, user})
        .status();
  });
}

}  // namespace joey::control
