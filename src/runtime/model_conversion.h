// Tries an uploaded model of another framework, and to convert it to ONNX, in a sandboxed process.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "runtime/framework_model.h"

namespace joey {

struct Conversion {
  // The ONNX file; empty where the model works but was not converted.
  std::string onnx;
  // For people: which library has loaded it, what agrees, or why it was not converted.
  std::string text;
};

// Waits for the converter, at most options.timeout. `cancelled` is asked several
// times a second. Errors: kFailedPrecondition when these libraries cannot load the file (other
// versions may), kInvalidArgument when it is no model that can be served with these schemas,
// kDeadlineExceeded, kResourceExhausted, kUnavailable when the process died.
Result<Conversion> ConvertModel(const FrameworkModelOptions& options,
                                const std::function<bool()>& cancelled);

}  // namespace joey
