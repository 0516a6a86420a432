// The model frameworks of the guide (F14), and what this release runs.
#pragma once

#include <span>
#include <string_view>

#include "base/status.h"

namespace joey::control {

std::span<const std::string_view> Frameworks();

// What runs the models of a framework that CheckFramework() accepts: "onnx" or "tensorflow".
std::string_view RuntimeOf(std::string_view framework);

// ok for "onnx" and "tensorflow"; Unimplemented for the others of the list; InvalidArgument for
// anything else.
Status CheckFramework(std::string_view framework);

}  // namespace joey::control
