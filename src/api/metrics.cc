#include "api/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace joey::api {

void Metrics::Family::Count(int status) {
  const auto index = static_cast<std::size_t>(std::clamp(status / 100, 0, 5));
  by_class_[index].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Metrics::Family::count(int status_class) const {
  return by_class_.at(static_cast<std::size_t>(status_class)).load(std::memory_order_relaxed);
}

std::string Metrics::Text() const {
  const std::chrono::duration<double> uptime = std::chrono::steady_clock::now() - start_;
  std::string out = fmt::format(
      "# HELP joey_uptime_seconds Time since joey serve started.\n"
      "# TYPE joey_uptime_seconds gauge\n"
      "joey_uptime_seconds {:.3f}\n"
      "# HELP joey_api_requests_total Answered requests of the API.\n"
      "# TYPE joey_api_requests_total counter\n",
      uptime.count());
  for (const auto& [name, family] : families_) {
    for (const int status_class : {2, 4, 5}) {
      out += fmt::format("joey_api_requests_total{{family=\"{}\",status=\"{}xx\"}} {}\n", name,
                         status_class, family.count(status_class));
    }
  }
  return out;
}

}  // namespace joey::api
