// What an ONNX file says about itself, read without ONNX Runtime and without trusting it.
//
// Nothing of the file is executed or loaded. Files that ONNX Runtime of this build cannot run, that
// refer to other files, or that claim data they do not hold are refused with what was expected.
// Thread-safe: plain functions on the caller's bytes; memory use does not depend on claimed sizes.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "runtime/model_signature.h"

namespace joey {

// What ONNX Runtime 1.32 loads; found by trying, see onnx_inspect_test.cc.
inline constexpr std::int64_t kOnnxIrVersionMax = 14;
inline constexpr std::int64_t kOnnxOpsetMax = 28;

Result<ModelSignature> InspectOnnx(std::string_view file);

}  // namespace joey
