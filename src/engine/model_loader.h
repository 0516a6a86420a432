// Loads the models of a deployment with the runtime that each asks for.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/worker_share.h"
#include "pipeline/deployment_document.h"
#include "runtime/batching_model.h"
#include "runtime/loaded_model.h"
#include "runtime/onnx_model.h"
#include "runtime/tensorflow_model.h"

namespace joey::engine {

// Starts a runtime when the first model needs it. Outlives the models. One thread at a time.
class ModelLoader {
 public:
  // Archives are unpacked inside of the document's scratch directory, which is made when it is
  // needed.
  ModelLoader(const DeploymentDocument& document, int threads)
      : threads_(threads),
        shares_(document, threads),
        scratch_directory_(document.scratch_directory) {}

  // Checks the file's SHA-256 first. kUnimplemented: no such runtime here. kDataLoss: the file is
  // another one. Errors name the model.
  Result<LoadedModel> Load(const ModelEntry& entry);

  struct BatchedModel {
    std::string name;
    std::shared_ptr<const BatchingModel> model;
  };
  const std::vector<BatchedModel>& batched() const { return batched_; }

 private:
  // Requests share its runs where its batch is free.
  std::shared_ptr<const Model> Batched(const std::string& name, std::shared_ptr<const Model> model);
  Result<std::shared_ptr<const Model>> LoadOnnx(std::string_view bytes);
  Result<std::shared_ptr<const Model>> LoadTensorFlow(const std::string& zip_path);
  Result<std::shared_ptr<const TableModel>> LoadPython(const ModelEntry& entry) const;
  Result<std::shared_ptr<const TableModel>> LoadFramework(const ModelEntry& entry) const;

  const int threads_;
  const WorkerShares shares_;
  const std::string scratch_directory_;
  std::unique_ptr<OnnxRuntime> onnx_;
  std::unique_ptr<TensorFlowRuntime> tensorflow_;
  std::vector<BatchedModel> batched_;
};

}  // namespace joey::engine
