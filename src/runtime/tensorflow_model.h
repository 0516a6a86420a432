// TensorFlow SavedModels through TensorFlow's C API, in this process.
#pragma once

#include <memory>
#include <string>

#include "runtime/model.h"

namespace joey {

// The library and its thread pools, which all models of a process share and may outlive this.
class TensorFlowRuntime {
 public:
  // Opens the library in `library_directory` (see tensorflow_plugin.h) and has it use `threads`
  // threads. To be called once.
  static Result<std::unique_ptr<TensorFlowRuntime>> Make(int threads,
                                                         const std::string& library_directory);
  ~TensorFlowRuntime();

  // Loads the model in an uploaded zip archive, which is not needed afterwards; it is unpacked
  // inside the existing `scratch_directory` meanwhile. Inputs and outputs are those of the
  // signature, sorted by name.
  // kInvalidArgument: no usable SavedModel, or one that TensorFlow does not load.
  Result<std::unique_ptr<Model>> Load(const std::string& zip_path,
                                      const std::string& scratch_directory);

 private:
  struct Impl;
  explicit TensorFlowRuntime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace joey
