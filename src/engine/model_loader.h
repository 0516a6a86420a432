// Loads the models of a deployment with the runtime that each asks for.
#pragma once

#include <memory>

#include "base/status.h"
#include "pipeline/deployment_document.h"
#include "runtime/loaded_model.h"
#include "runtime/onnx_model.h"

namespace joey::engine {

// Starts a runtime when the first model needs it. Outlives the models. One thread at a time.
class ModelLoader {
 public:
  explicit ModelLoader(int threads) : threads_(threads) {}

  // Checks the file's SHA-256 first. kUnimplemented: no such runtime here. kDataLoss: the file is
  // another one. Errors name the model.
  Result<LoadedModel> Load(const ModelEntry& entry);

 private:
  // Requests share its runs where its batch is free.
  std::shared_ptr<const Model> Batched(std::shared_ptr<const Model> model) const;
  Result<std::shared_ptr<const Model>> LoadOnnx(std::string_view bytes);

  const int threads_;
  std::unique_ptr<OnnxRuntime> onnx_;
};

}  // namespace joey::engine
