// Workspaces and the users in them. Threads: any.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "control/records.h"
#include "store/database.h"

namespace joey::control {

class Workspaces {
 public:
  explicit Workspaces(Database& database) : database_(database) {}

  // Makes the user to whom everything belongs with `--auth none`. Once, at start.
  Status EnsureDefaultUser();

  Result<std::vector<Workspace>> List();  // in order of id
  Result<Workspace> Get(std::int64_t id);
  Result<std::int64_t> Create(std::string_view name, std::string_view owner_id);

  // The workspace a user starts in; made when it is first asked for.
  Result<Workspace> Default(std::string_view user_id, std::string_view email);

 private:
  Database& database_;
};

// NotFound when there is no such workspace.
Status RequireWorkspace(Connection& connection, std::int64_t id);

}  // namespace joey::control
