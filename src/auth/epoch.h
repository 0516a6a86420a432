// Counts changes of users and tokens of this process, so that what was verified before one is not
// believed after it.
#pragma once

#include <atomic>
#include <cstdint>

namespace joey::auth {

// Threads: any.
class Epoch {
 public:
  std::uint64_t now() const { return count_.load(std::memory_order_acquire); }
  // After the change is in the database and before the caller hears of it.
  void Bump() { count_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace joey::auth
