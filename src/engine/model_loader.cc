#include "engine/model_loader.h"

#include <spdlog/spdlog.h>

#include "base/files.h"
#include "base/sha256.h"
#include "runtime/framework_model.h"
#include "runtime/python_model.h"
#include "runtime/tensorflow_plugin.h"

namespace joey::engine {

Result<LoadedModel> ModelLoader::Load(const ModelEntry& entry) {
  const std::string name = "model '" + entry.reference.name + "'";
  JOEY_ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(entry.path));
  if (Sha256::Hex(file.bytes()) != entry.file_sha) {
    return Status(Code::kDataLoss, "the file of " + name + " is not the one that was uploaded",
                  "upload the model again");
  }
  LoadedModel loaded;
  if (entry.runtime == "onnx" || entry.runtime == "tensorflow") {
    auto model = entry.runtime == "onnx" ? LoadOnnx(file.bytes()) : LoadTensorFlow(entry.path);
    if (!model.ok()) return model.status().WithContext(name);
    loaded.tensors = Batched(entry.reference.name, std::move(*model));
    return loaded;
  }
  if (entry.runtime == "python") {
    JOEY_ASSIGN_OR_RETURN(loaded.tables, LoadPython(entry));
    return loaded;
  }
  if (entry.runtime == "flight") {
    JOEY_ASSIGN_OR_RETURN(loaded.tables, LoadFramework(entry));
    return loaded;
  }
  return Status(Code::kUnimplemented, name + " needs the runtime '" + entry.runtime + "'",
                "this engine runs onnx, tensorflow, python and flight models");
}

std::shared_ptr<const Model> ModelLoader::Batched(const std::string& name,
                                                  std::shared_ptr<const Model> model) {
  if (!BatchingModel::Fits(*model)) return model;
  auto batched = std::make_shared<BatchingModel>(std::move(model), threads_);
  batched_.push_back({name, batched});
  return batched;
}

Result<std::shared_ptr<const Model>> ModelLoader::LoadOnnx(std::string_view bytes) {
  if (onnx_ == nullptr) {
    JOEY_ASSIGN_OR_RETURN(onnx_, OnnxRuntime::Make(threads_));
  }
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<Model> model, onnx_->Load(bytes));
  return std::shared_ptr<const Model>(std::move(model));
}

Result<std::shared_ptr<const Model>> ModelLoader::LoadTensorFlow(const std::string& zip_path) {
  if (tensorflow_ == nullptr) {
    // Installed already, as the engine's command waits for it before it loads.
    JOEY_ASSIGN_OR_RETURN(const std::string library, EnsureTensorFlow());
    JOEY_ASSIGN_OR_RETURN(tensorflow_, TensorFlowRuntime::Make(threads_, library));
  }
  JOEY_RETURN_IF_ERROR(MakeDirectories(scratch_directory_));
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<Model> model,
                        tensorflow_->Load(zip_path, scratch_directory_));
  return std::shared_ptr<const Model>(std::move(model));
}

Result<std::shared_ptr<const TableModel>> ModelLoader::LoadPython(const ModelEntry& entry) const {
  PythonModelOptions options;
  options.name = entry.reference.name;
  options.script_path = entry.path;
  options.input_schema = entry.input_schema;
  options.output_schema = entry.output_schema;
  const WorkerShare share = shares_.Of(entry);
  options.processes = share.processes;
  options.memory_bytes = share.memory_bytes;
  options.environment = entry.workers.environment;
  options.print = [name = entry.reference.name](std::string_view line) {
    spdlog::info("[{}] {}", name, line);
  };
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<TableModel> model, LoadPythonModel(std::move(options)));
  return std::shared_ptr<const TableModel>(std::move(model));
}

Result<std::shared_ptr<const TableModel>> ModelLoader::LoadFramework(
    const ModelEntry& entry) const {
  FrameworkModelOptions options;
  options.name = entry.reference.name;
  options.framework = entry.framework;
  options.path = entry.path;
  JOEY_ASSIGN_OR_RETURN(options.environment,
                        EnvironmentOf(entry.framework, entry.environment, entry.path));
  options.input_schema = entry.input_schema;
  options.output_schema = entry.output_schema;
  const WorkerShare share = shares_.Of(entry);
  options.processes = share.processes;
  options.memory_bytes = share.memory_bytes;
  options.variables = entry.workers.environment;
  options.print = [name = entry.reference.name](std::string_view line) {
    spdlog::info("[{}] {}", name, line);
  };
  JOEY_ASSIGN_OR_RETURN(std::unique_ptr<TableModel> model, LoadFrameworkModel(std::move(options)));
  return std::shared_ptr<const TableModel>(std::move(model));
}

}  // namespace joey::engine
