// Workspaces and the users in them. Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "control/access.h"
#include "control/records.h"
#include "store/database.h"

namespace joey::control {

class Workspaces {
 public:
  // `on_users_changed` is told after users of a workspace were changed; it returns at once.
  explicit Workspaces(Database& database, std::function<void()> on_users_changed = {})
      : database_(database), on_users_changed_(std::move(on_users_changed)) {}

  // Makes the user to whom everything belongs with `--auth none`. Once, at start.
  Status EnsureDefaultUser();

  Result<std::vector<Workspace>> List(const Viewer& viewer);  // in order of id
  Result<Workspace> Get(std::int64_t id);
  Result<std::int64_t> Create(std::string_view name, std::string_view owner_id);

  // The workspace a user starts in; made when it is first asked for.
  Result<Workspace> Default(std::string_view user_id, std::string_view email);

  // Puts the user with that email into the workspace. A collaborator who is added as owner becomes
  // one; an owner who is added as collaborator stays owner.
  Status AddUser(std::int64_t id, std::string_view email, bool owner);
  // NotFound when the user is not in the workspace, FailedPrecondition for its last owner.
  Status RemoveUser(std::int64_t id, std::string_view email);

 private:
  Status ChangeUsers(const std::function<Status(Connection&)>& change);

  Database& database_;
  const std::function<void()> on_users_changed_;
};

// NotFound when there is no such workspace.
Status RequireWorkspace(Connection& connection, std::int64_t id);

}  // namespace joey::control
