#include "control/connections.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/random.h"
#include "control/limits.h"
#include "control/names.h"

namespace joey::control {

using nlohmann::json;

namespace {

std::string ContextOf(std::string_view id) { return "connection:" + std::string(id); }

// The details in a form to be sealed.
Result<std::string> DetailsText(const json& details) {
  std::string text;
  try {
    text = details.dump();
  } catch (const json::exception&) {
    return InvalidArgument("'details' holds a text that is not UTF-8");
  }
  if (text.size() > kConnectionDetailsBytesMax) {
    return Status(Code::kPayloadTooLarge,
                  fmt::format("the details have {} bytes as JSON, a connection holds {}",
                              text.size(), kConnectionDetailsBytesMax),
                  "keep data out of a connection: it says where data is and how to reach it");
  }
  return text;
}

// The connections that match `where` on c, without details, and their workspaces as far as the
// viewer is in them. `values` are those of `where`.
Status Load(Connection& connection, const std::string& where,
            std::initializer_list<SqlValue> values, const Viewer& viewer,
            std::vector<DataConnection>& out) {
  std::unordered_map<std::string, std::size_t> places;
  JOEY_RETURN_IF_ERROR(connection.Query(
      "SELECT c.id, c.name, c.type, c.created_by, c.created_at FROM connection c WHERE " + where +
          " ORDER BY c.name",
      values, [&](const SqlRow& row) {
        DataConnection found;
        found.id = row.Text(0);
        found.name = row.Text(1);
        found.type = row.Text(2);
        found.created_by = row.Text(3);
        found.created_at = row.Int(4);
        places[found.id] = out.size();
        out.push_back(std::move(found));
      }));
  if (out.empty()) return {};
  return connection.Query(
      "SELECT a.connection_id, w.name FROM workspace_connection a "
      "JOIN workspace w ON w.id = a.workspace_id WHERE " +
          SeenBy("w.id", 1) + " ORDER BY w.id",
      {viewer}, [&](const SqlRow& row) {
        const auto place = places.find(row.Text(0));
        if (place != places.end()) out[place->second].workspace_names.push_back(row.Text(1));
      });
}

}  // namespace

Result<std::string> Connections::Create(std::string_view name, std::string_view type,
                                        const json& details, std::string_view owner_id) {
  JOEY_RETURN_IF_ERROR(CheckConnectionName(name));
  JOEY_RETURN_IF_ERROR(CheckText("type", type, kConnectionTypeBytesMax));
  JOEY_ASSIGN_OR_RETURN(const std::string text, DetailsText(details));
  const std::string id = NewUuid();
  JOEY_ASSIGN_OR_RETURN(const std::string sealed, secrets_.Seal(text, ContextOf(id)));
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(
        const std::int64_t added,
        connection.Run("INSERT INTO connection(id, name, type, details_sealed, created_by, "
                       "created_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(name) DO NOTHING",
                       {id, name, type, sealed, owner_id, NowMicros()}));
    if (added > 0) return {};
    return AlreadyExists(
        "This connection already exists.  Please choose a different connection name.",
        "take the present one with wl.get_connection(name); names are unique over all workspaces");
  }));
  return id;
}

Result<DataConnection> Connections::GetWhere(std::string_view column, std::string_view value,
                                             const Viewer& viewer) {
  std::vector<DataConnection> out;
  std::string sealed;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    const std::string where = "c." + std::string(column) + " = ?1";
    JOEY_RETURN_IF_ERROR(Load(connection, where, {value}, viewer, out));
    return connection.Query("SELECT c.details_sealed FROM connection c WHERE " + where, {value},
                            [&](const SqlRow& row) { sealed = row.Text(0); });
  }));
  if (out.empty()) {
    return NoSuchName("connection", value, {}, "list the connections with wl.list_connections()");
  }
  DataConnection found = std::move(out.front());
  JOEY_ASSIGN_OR_RETURN(found.details, secrets_.Unseal(sealed, ContextOf(found.id)));
  return found;
}

Result<DataConnection> Connections::Get(std::string_view id, const Viewer& viewer) {
  return GetWhere("id", id, viewer);
}

Result<DataConnection> Connections::Find(std::string_view name, const Viewer& viewer) {
  return GetWhere("name", name, viewer);
}

Result<std::vector<DataConnection>> Connections::List(std::optional<std::int64_t> workspace_id,
                                                      const Viewer& viewer) {
  std::vector<DataConnection> out;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) {
    return Load(connection,
                "(?1 IS NULL OR c.id IN (SELECT connection_id FROM workspace_connection "
                "WHERE workspace_id = ?1)) AND (?2 IS NULL OR c.created_by = ?2 OR c.id IN "
                "(SELECT a.connection_id FROM workspace_connection a JOIN workspace_user u "
                "ON u.workspace_id = a.workspace_id WHERE u.user_id = ?2))",
                {workspace_id, viewer}, viewer, out);
  }));
  return out;
}

Result<std::string> Connections::AddToWorkspace(std::string_view id, std::int64_t workspace_id) {
  std::string link;
  JOEY_RETURN_IF_ERROR(database_.Write([&](Connection& connection) -> Status {
    JOEY_RETURN_IF_ERROR(connection
                             .Run("INSERT INTO workspace_connection(id, workspace_id, "
                                  "connection_id) VALUES (?, ?, ?) "
                                  "ON CONFLICT(workspace_id, connection_id) DO NOTHING",
                                  {NewUuid(), workspace_id, id})
                             .status());
    return connection.Query(
        "SELECT id FROM workspace_connection WHERE workspace_id = ? AND connection_id = ?",
        {workspace_id, id}, [&](const SqlRow& row) { link = row.Text(0); });
  }));
  return link;
}

Status Connections::RemoveFromWorkspace(std::string_view id, std::int64_t workspace_id) {
  return database_.Write([&](Connection& connection) {
    return connection
        .Run("DELETE FROM workspace_connection WHERE connection_id = ? AND workspace_id = ?",
             {id, workspace_id})
        .status();
  });
}

Status Connections::Delete(std::string_view name, const Viewer& viewer) {
  return database_.Write([&](Connection& connection) -> Status {
    std::vector<DataConnection> found;
    JOEY_RETURN_IF_ERROR(Load(connection, "c.name = ?1", {name}, viewer, found));
    if (found.empty()) {
      return NoSuchName("connection", name, {}, "list the connections with wl.list_connections()");
    }
    JOEY_ASSIGN_OR_RETURN(
        const auto links,
        connection.QueryInt("SELECT count(*) FROM workspace_connection WHERE connection_id = ?",
                            {found.front().id}));
    if (links.value_or(0) > 0) {
      return FailedPrecondition(
          fmt::format("Before deleting a connection, it must be removed from all workspaces that "
                      "it is attached to: {} is attached to {}",
                      Quoted(name), links.value_or(0)),
          found.front().workspace_names.empty()
              ? "ask the members of these workspaces"
              : fmt::format("call workspace.remove_connection({}) in: {}", Quoted(name),
                            fmt::join(found.front().workspace_names, ", ")));
    }
    return connection.Run("DELETE FROM connection WHERE id = ?", {found.front().id}).status();
  });
}

}  // namespace joey::control
