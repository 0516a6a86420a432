// What a model file says of its inputs and outputs, whatever framework it is of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace joey {

struct ModelField {
  std::string name;
  std::string type;  // "float32", "float16", "bfloat16", "int64", "bool", "string" …
  std::vector<std::int64_t> shape;  // -1: any size; {-1} also when the rank is not known
};

struct ModelSignature {
  std::int64_t ir_version = 0;  // of ONNX models
  std::int64_t opset = 0;       // of the default domain; 0: the model uses others only
  std::vector<ModelField> inputs;
  std::vector<ModelField> outputs;
};

}  // namespace joey
