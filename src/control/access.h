// Who may touch what (docs/access.md).
//
// Everything lies in a workspace, except connections and tags, which belong to who made them and
// are seen by the members of the workspaces they are used in. What a user does not see does not
// exist for that user: the answer is the same as for a number or name that was never given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "control/records.h"
#include "store/database.h"

namespace joey::control {

// Each may what those before it may.
enum class Role { kNone, kCollaborator, kOwner, kAdministrator };

enum class Resource {
  kWorkspace,
  kModel,
  kModelVersion,
  kModelConfig,
  kPipeline,
  kPipelineVersion,  // by its UUID
  kDeployment,
  kDeploymentName,  // "<deploy_id>-<id>"
  kLogTopic,        // of a pipeline, or that of its failures
  kConnection,
  kConnectionName,
  kTag,
  kAssay,
};

// A number for what has a number, else a text.
using ResourceKey = std::variant<std::int64_t, std::string>;

// Whose workspaces count in a list: those of the user with this id; nullopt sees all.
using Viewer = std::optional<std::string>;

inline Viewer ViewerOf(const User& user) { return user.administrator ? Viewer() : Viewer(user.id); }

// The SQL condition that a row's workspace is one of the viewer's, who is parameter ?`parameter`.
std::string SeenBy(std::string_view workspace_column, int parameter);

// Threads: any.
class AccessControl {
 public:
  explicit AccessControl(Database& database) : database_(database) {}

  // NotFound when `user` does not see it, whether it exists or not; PermissionDenied when the user
  // sees it but has less than `needed`.
  Status Require(const User& user, Role needed, Resource resource, const ResourceKey& key);

 private:
  Database& database_;
};

// What `user` is to a thing; kNone also where there is no such thing.
Result<Role> RoleOf(Connection& connection, const User& user, Resource resource,
                    const ResourceKey& key);

// The number at the end of "<name>-<number>"; 0, which nothing has, without one.
std::int64_t TrailingNumber(std::string_view name);

}  // namespace joey::control
