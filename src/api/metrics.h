// Counts what the API answers, for Prometheus. Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace joey::api {

class Metrics {
 public:
  // The counters of a family of routes; before requests are served. Stays valid.
  class Family {
   public:
    void Count(int status);
    std::uint64_t count(int status_class) const;  // 2 for 2xx …

   private:
    std::array<std::atomic<std::uint64_t>, 6> by_class_{};
  };
  Family& Add(const std::string& family) { return families_[family]; }

  // In Prometheus' text format.
  std::string Text() const;

 private:
  std::map<std::string, Family> families_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace joey::api
