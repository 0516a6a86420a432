// Connections to data outside: named details that tasks and notebooks read (guide L1076-1162).
// Names are unique over the server, details are encrypted at rest. Threads: any.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/access.h"
#include "control/records.h"
#include "store/database.h"
#include "store/secrets.h"

namespace joey::control {

class Connections {
 public:
  Connections(Database& database, const Secrets& secrets)
      : database_(database), secrets_(secrets) {}

  // The id of the new connection; AlreadyExists when the name is taken, by whomever.
  Result<std::string> Create(std::string_view name, std::string_view type,
                             const nlohmann::json& details, std::string_view owner_id);

  // With details. NotFound when there is none.
  Result<DataConnection> Get(std::string_view id, const Viewer& viewer);
  Result<DataConnection> Find(std::string_view name, const Viewer& viewer);

  // In order of name, without details: of one workspace, or all that the viewer sees.
  Result<std::vector<DataConnection>> List(std::optional<std::int64_t> workspace_id,
                                           const Viewer& viewer);

  // The id of the link; that of the present one where the connection is in the workspace already.
  Result<std::string> AddToWorkspace(std::string_view id, std::int64_t workspace_id);
  // Also ok when it was not there.
  Status RemoveFromWorkspace(std::string_view id, std::int64_t workspace_id);

  // FailedPrecondition while it is in a workspace.
  Status Delete(std::string_view name, const Viewer& viewer);

 private:
  Result<DataConnection> GetWhere(std::string_view column, std::string_view value,
                                  const Viewer& viewer);

  Database& database_;
  const Secrets& secrets_;
};

}  // namespace joey::control
