#include "runtime/onnx_model.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#undef ORT_API_MANUAL_INIT

namespace joey {

namespace {

constexpr std::array<std::pair<ElementType, ONNXTensorElementDataType>, 14> kTypes{{
    {ElementType::kFloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {ElementType::kBFloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    {ElementType::kFloat32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {ElementType::kFloat64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {ElementType::kInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {ElementType::kInt16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {ElementType::kInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {ElementType::kInt64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {ElementType::kUInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {ElementType::kUInt16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    {ElementType::kUInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {ElementType::kUInt64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    {ElementType::kBool, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
    {ElementType::kString, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING},
}};

std::optional<ElementType> FromOnnx(ONNXTensorElementDataType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

ONNXTensorElementDataType ToOnnx(ElementType type) {
  return kTypes[static_cast<std::size_t>(type)].second;  // in the order of ElementType
}

Result<TensorSpec> DescribePort(std::string name, const Ort::TypeInfo& info, const char* side) {
  std::string port = std::string("the model's ") + side + " '" + name + "'";
  if (info.GetONNXType() != ONNX_TYPE_TENSOR) {
    return InvalidArgument(port + " is no tensor",
                           "convert the model so that all inputs and outputs are tensors (for "
                           "scikit-learn classifiers: options={'zipmap': False})");
  }
  auto tensor = info.GetTensorTypeAndShapeInfo();
  std::optional<ElementType> type = FromOnnx(tensor.GetElementType());
  if (!type) return InvalidArgument(port + " has an element type that is not supported");
  return TensorSpec{std::move(name), *type, tensor.GetShape()};
}

class OnnxModel final : public Model {
 public:
  OnnxModel(Ort::Session session, std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs)
      : session_(std::move(session)), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {
    for (const TensorSpec& input : inputs_) input_names_.push_back(input.name.c_str());
    for (const TensorSpec& output : outputs_) output_names_.push_back(output.name.c_str());
  }

  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }

  Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs) const override {
    try {
      std::vector<Ort::Value> values;
      values.reserve(inputs.size());
      for (const Tensor& input : inputs) values.push_back(MakeValue(input));
      std::vector<Ort::Value> results =
          session_.Run(Ort::RunOptions{nullptr}, input_names_.data(), values.data(), values.size(),
                       output_names_.data(), output_names_.size());
      std::vector<Tensor> out;
      out.reserve(results.size());
      for (std::size_t i = 0; i < results.size(); ++i) {
        out.push_back(MakeTensor(std::move(results[i]), outputs_[i].type));
      }
      return out;
    } catch (const Ort::Exception& error) {
      return InvalidArgument("the model failed on this input: " + std::string(error.what()),
                             "check shapes and values of the inputs");
    } catch (const std::bad_alloc&) {
      return ResourceExhausted("not enough memory to run the model", "send fewer rows per request");
    }
  }

 private:
  static Ort::Value MakeValue(const Tensor& tensor) {
    static const auto* memory =
        new Ort::MemoryInfo(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault));
    if (tensor.type == ElementType::kString) {
      Ort::AllocatorWithDefaultOptions allocator;
      Ort::Value value = Ort::Value::CreateTensor(allocator, tensor.shape.data(),
                                                  tensor.shape.size(), ToOnnx(tensor.type));
      std::vector<const char*> texts;
      texts.reserve(tensor.strings.size());
      for (const std::string& text : tensor.strings) texts.push_back(text.c_str());
      value.FillStringTensor(texts.data(), texts.size());
      return value;
    }
    auto bytes = static_cast<std::size_t>(tensor.ElementCount()) * ElementSize(tensor.type);
    return Ort::Value::CreateTensor(*memory, const_cast<void*>(tensor.data), bytes,
                                    tensor.shape.data(), tensor.shape.size(), ToOnnx(tensor.type));
  }

  static Tensor MakeTensor(Ort::Value value, ElementType type) {
    Tensor tensor;
    tensor.type = type;
    tensor.shape = value.GetTensorTypeAndShapeInfo().GetShape();
    if (type == ElementType::kString) {
      auto count = static_cast<std::size_t>(tensor.ElementCount());
      for (std::size_t i = 0; i < count; ++i) {
        tensor.strings.push_back(value.GetStringTensorElement(i));
      }
      return tensor;
    }
    auto owner = std::make_shared<Ort::Value>(std::move(value));
    tensor.data = owner->GetTensorRawData();
    tensor.owner = std::move(owner);
    return tensor;
  }

  mutable Ort::Session session_;  // Run() is thread-safe, though not const in its C++ wrapper
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
};

}  // namespace

struct OnnxRuntime::Impl {
  explicit Impl(int threads) {
    threading.SetGlobalIntraOpNumThreads(threads);
    threading.SetGlobalInterOpNumThreads(1);
    threading.SetGlobalSpinControl(0);
    env.emplace(threading, ORT_LOGGING_LEVEL_ERROR, "joey");
  }
  Ort::ThreadingOptions threading;
  std::optional<Ort::Env> env;
};

OnnxRuntime::OnnxRuntime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OnnxRuntime::~OnnxRuntime() = default;

Result<std::unique_ptr<OnnxRuntime>> OnnxRuntime::Make(int threads) {
  const char* path = std::getenv("JOEY_ONNXRUNTIME_LIBRARY");
  if (path == nullptr) path = JOEY_ONNXRUNTIME_LIBRARY;
  // Never closed: models and the environment use it until the process ends.
  void* library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return FailedPrecondition(std::string("cannot open ONNX Runtime: ") + ::dlerror(),
                              "run 'make setup', or set JOEY_ONNXRUNTIME_LIBRARY");
  }
  auto get_base = reinterpret_cast<const OrtApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"));
  const OrtApi* api = get_base == nullptr ? nullptr : get_base()->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    return FailedPrecondition(std::string(path) + " is older than the API this build needs");
  }
  try {
    Ort::InitApi(api);
    return std::unique_ptr<OnnxRuntime>(new OnnxRuntime(std::make_unique<Impl>(threads)));
  } catch (const Ort::Exception& error) {
    return Internal(std::string("ONNX Runtime does not start: ") + error.what());
  }
}

Result<std::unique_ptr<Model>> OnnxRuntime::Load(std::string_view bytes) {
  try {
    Ort::SessionOptions options;
    options.DisablePerSessionThreads();
    options.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_ENABLE_ALL);
    // Shapes differ from request to request; the pattern would be planned for one of them.
    options.DisableMemPattern();
    Ort::Session session(*impl_->env, bytes.data(), bytes.size(), options);
    Ort::AllocatorWithDefaultOptions allocator;
    std::vector<TensorSpec> inputs;
    std::vector<TensorSpec> outputs;
    for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
      JOEY_ASSIGN_OR_RETURN(TensorSpec spec,
                            DescribePort(session.GetInputNameAllocated(i, allocator).get(),
                                         session.GetInputTypeInfo(i), "input"));
      inputs.push_back(std::move(spec));
    }
    for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
      JOEY_ASSIGN_OR_RETURN(TensorSpec spec,
                            DescribePort(session.GetOutputNameAllocated(i, allocator).get(),
                                         session.GetOutputTypeInfo(i), "output"));
      outputs.push_back(std::move(spec));
    }
    return std::unique_ptr<Model>(
        std::make_unique<OnnxModel>(std::move(session), std::move(inputs), std::move(outputs)));
  } catch (const Ort::Exception& error) {
    return InvalidArgument(std::string("ONNX Runtime cannot load the model: ") + error.what(),
                           "export it with opset 17 or lower and check it with onnx.checker");
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory to load the model");
  }
}

}  // namespace joey
