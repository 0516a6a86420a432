// Tensors inside an ONNX file: what they claim against what they hold.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey {

struct OnnxElementInfo {
  std::string_view name;
  int bits;     // 0: texts
  bool usable;  // as input or output of a deployed model
};

// By TensorProto.DataType; nullptr for unknown ones.
const OnnxElementInfo* FindOnnxElement(std::uint64_t type);

struct OnnxTensor {
  std::string_view name;
  std::uint64_t type = 0;
  std::vector<std::int64_t> dimensions;
};

// Read a TensorProto or SparseTensorProto. Refuse external data, and tensors that claim more or
// less than they hold. `tensor` is empty and ok for an empty message.
Status ReadOnnxTensor(std::string_view bytes, OnnxTensor& tensor);
Status ReadOnnxSparseTensor(std::string_view bytes, OnnxTensor& values);

// "the file is not an ONNX model: …" with what was expected instead.
Status NotOnnx(std::string why);
Status OnnxDamaged(std::string_view part);

}  // namespace joey
