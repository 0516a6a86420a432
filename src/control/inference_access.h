// Who may send inferences to which deployment, remembered for the inference path.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "control/access.h"

namespace joey::control {

// Threads: any. What the users of a workspace do to it in this process is seen at once (Forget()),
// what another process did within kInferenceAccessMillis.
class InferenceAccess {
 public:
  explicit InferenceAccess(Database& database) : database_(database) {}

  // Whether `user` sees the deployment "<deploy_id>-<id>", as far as that was looked up a moment
  // ago. Never blocks.
  std::optional<bool> Known(const User& user, const std::string& deployment) const;
  // Asks the database and remembers the answer. For names that the gateway has a route to.
  Result<bool> Look(const User& user, const std::string& deployment);
  // After the users of a workspace were changed.
  void Forget() { epoch_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  struct Entry {
    bool sees = false;
    std::int64_t until = 0;  // microseconds
    std::uint64_t epoch = 0;
  };

  Database& database_;
  std::atomic<std::uint64_t> epoch_ = 0;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;  // guarded by mutex_
};

}  // namespace joey::control
