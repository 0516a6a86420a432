// How often somebody may try to sign in: per account and per address, with growing pauses.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace joey::auth {

// In memory: a restart forgets. Threads: any.
class Attempts {
 public:
  using Clock = std::chrono::steady_clock;

  // Seconds to wait before the next try; 0: it may go on, and counts as failed until Succeeded().
  // Counted before the password is looked at, so that many at once do not slip through; whether
  // there is such an account makes no difference.
  int Begin(std::string_view login, std::string_view address, Clock::time_point now = Clock::now());
  void Succeeded(std::string_view login, std::string_view address);

 private:
  struct Count {
    int failures = 0;
    Clock::time_point last;
    Clock::time_point free_at;  // no try before
  };
  using Counts = std::unordered_map<std::string, Count>;
  static int Wait(Counts& counts, const std::string& key, Clock::time_point now);
  static void Add(Counts& counts, const std::string& key, int free, Clock::time_point now);

  std::mutex mutex_;
  Counts accounts_;   // guarded by mutex_
  Counts addresses_;  // guarded by mutex_
};

}  // namespace joey::auth
