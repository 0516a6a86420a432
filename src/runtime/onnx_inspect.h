// What an ONNX file says about itself, read without ONNX Runtime and without trusting it.
//
// Nothing of the file is executed or loaded. Files that ONNX Runtime of this build cannot run, that
// refer to other files, or that claim data they do not hold are refused with what was expected.
// Thread-safe: plain functions on the caller's bytes; memory use does not depend on claimed sizes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey {

struct OnnxField {
  std::string name;
  std::string type;  // "float32", "float16", "bfloat16", "int64", "bool", "string" …
  std::vector<std::int64_t> shape;  // -1: any size; {-1} also when the rank is not known
};

struct OnnxSignature {
  std::int64_t ir_version = 0;
  std::int64_t opset = 0;  // of the default domain; 0: the model uses others only
  std::vector<OnnxField> inputs;
  std::vector<OnnxField> outputs;
};

// What ONNX Runtime 1.32 loads; found by trying, see onnx_inspect_test.cc.
inline constexpr std::int64_t kOnnxIrVersionMax = 14;
inline constexpr std::int64_t kOnnxOpsetMax = 28;

Result<OnnxSignature> InspectOnnx(std::string_view file);

}  // namespace joey
