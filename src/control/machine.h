// This machine, as models and deployments name it.
#pragma once

#include <string_view>

namespace joey::control {

// "x86" or "arm".
constexpr std::string_view MachineArch() {
#if defined(__aarch64__) || defined(__arm__)
  return "arm";
#else
  return "x86";
#endif
}

}  // namespace joey::control
