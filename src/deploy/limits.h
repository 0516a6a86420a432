// Limits of deployments and of requests that wait for an engine (docs/deployments.md lists them).
#pragma once

#include <chrono>

namespace joey::limits {

// Requests to a deployment without engines while one is on its way.
inline constexpr int kHeldRequestsMax = 1024;  // of one deployment; then 503
inline constexpr std::chrono::seconds kHeldMax{60};

inline constexpr std::chrono::milliseconds kHealthMax{5000};  // for an adopted engine's answer

}  // namespace joey::limits
