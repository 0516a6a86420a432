#include "control/inference_access.h"

#include <mutex>

#include "base/clock.h"
#include "control/limits.h"

namespace joey::control {
namespace {

// User ids have a fixed form, so that two pairs never give one text.
std::string KeyOf(const User& user, const std::string& deployment) {
  return user.id + " " + deployment;
}

}  // namespace

std::optional<bool> InferenceAccess::Known(const User& user, const std::string& deployment) const {
  // Administrators see whatever the gateway has a route to.
  if (user.administrator) return true;
  const std::string key = KeyOf(user, deployment);
  std::shared_lock lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = found->second;
  if (entry.epoch != epoch_.load(std::memory_order_acquire) || entry.until <= NowMicros()) {
    return std::nullopt;
  }
  return entry.sees;
}

Result<bool> InferenceAccess::Look(const User& user, const std::string& deployment) {
  const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);
  // By its number alone: while a deployment is given another name, the old one is served as well.
  const std::int64_t id = TrailingNumber(deployment);
  Role role = Role::kNone;
  JOEY_RETURN_IF_ERROR(database_.Read([&](Connection& connection) -> Status {
    JOEY_ASSIGN_OR_RETURN(role, RoleOf(connection, user, Resource::kDeployment, id));
    return {};
  }));
  const bool sees = role >= Role::kCollaborator;
  std::unique_lock lock(mutex_);
  if (entries_.size() >= kInferenceAccessEntriesMax) entries_.clear();
  entries_[KeyOf(user, deployment)] = {sees, NowMicros() + kInferenceAccessMillis * 1000, epoch};
  return sees;
}

}  // namespace joey::control
