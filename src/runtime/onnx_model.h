// ONNX models through ONNX Runtime, in this process.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/model.h"

namespace joey {

// The library and its one thread pool, shared by all models of a process.
class OnnxRuntime {
 public:
  // Opens the library (JOEY_ONNXRUNTIME_LIBRARY in the environment overrides the built-in path) and
  // starts `threads` intra-op threads, which sleep when idle. To be called once, first.
  static Result<std::unique_ptr<OnnxRuntime>> Make(int threads);
  ~OnnxRuntime();

  // Loads a model from its bytes, which are not needed afterwards. The OnnxRuntime must outlive it.
  // kInvalidArgument: not loadable, no tensors in or out, types that Joey does not carry.
  Result<std::unique_ptr<Model>> Load(std::string_view bytes);

 private:
  struct Impl;
  explicit OnnxRuntime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey
