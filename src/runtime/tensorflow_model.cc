#include "runtime/tensorflow_model.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <new>
#include <utility>

#include "base/files.h"
#include "base/limits.h"
#include "runtime/saved_model_zip.h"
#include "runtime/tensorflow_api.h"

namespace joey {
namespace {

// The numbers of types.proto, in the order of ElementType.
constexpr std::array<tf::DataType, 14> kTypes{19, 14, 1, 2, 6, 5, 3, 9, 4, 17, 22, 23, 10, 7};

tf::DataType ToTensorFlow(ElementType type) { return kTypes[static_cast<std::size_t>(type)]; }

struct StatusDeleter {
  const tf::Api* api;
  void operator()(tf::Status* status) const { api->DeleteStatus(status); }
};
using StatusPtr = std::unique_ptr<tf::Status, StatusDeleter>;

StatusPtr NewStatus(const tf::Api& api) { return {api.NewStatus(), {&api}}; }

// TensorFlow's messages go on with the node's history; the first lines say what is wrong.
std::string Message(const tf::Api& api, const tf::Status* status) {
  constexpr std::size_t kMessageBytesMax = 1000;
  std::string text = api.Message(status);
  if (text.size() > kMessageBytesMax) text.resize(kMessageBytesMax);
  while (!text.empty() && (text.back() & 0xC0) == 0x80) text.pop_back();  // of a cut character
  return text;
}

void AppendVarint(std::string& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}

void AppendNumber(std::string& out, int field, std::int64_t value) {
  AppendVarint(out, static_cast<std::uint64_t>(field) << 3);
  AppendVarint(out, static_cast<std::uint64_t>(value));
}

// A graph and its session.
class Session {
 public:
  static Result<std::unique_ptr<Session>> Load(const tf::Api& api, const std::string& config,
                                               const std::string& directory,
                                               const std::vector<std::string>& tags) {
    std::unique_ptr<Session> out(new Session(api));
    StatusPtr status = NewStatus(api);
    tf::SessionOptions* options = api.NewSessionOptions();
    api.SetConfig(options, config.data(), config.size(), status.get());
    std::vector<const char*> tag_texts;
    for (const std::string& tag : tags) tag_texts.push_back(tag.c_str());
    out->session_ = api.LoadSessionFromSavedModel(
        options, nullptr, directory.c_str(), tag_texts.data(), static_cast<int>(tag_texts.size()),
        out->graph_, nullptr, status.get());
    api.DeleteSessionOptions(options);
    const int code = api.GetCode(status.get());
    if (code == tf::kResourceExhausted) {
      return ResourceExhausted("not enough memory to load the model",
                               "deploy with more memory: " + Message(api, status.get()));
    }
    if (code != tf::kOk || out->session_ == nullptr) {
      return InvalidArgument("TensorFlow cannot load the model: " + Message(api, status.get()),
                             fmt::format("this is TensorFlow {}; save the model with a release up "
                                         "to it, without custom operations",
                                         api.Version()));
    }
    return out;
  }

  ~Session() {
    if (session_ != nullptr) {
      StatusPtr status = NewStatus(api_);
      api_.CloseSession(session_, status.get());
      api_.DeleteSession(session_, status.get());
    }
    api_.DeleteGraph(graph_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<tf::Output> Find(const SavedModelPort& port) const {
    tf::Operation* operation = api_.GraphOperationByName(graph_, port.operation.c_str());
    if (operation == nullptr || port.output_index >= api_.OperationNumOutputs(operation)) {
      return InvalidArgument(
          fmt::format("the signature's '{}' is '{}:{}', which the graph does not have",
                      port.spec.name, port.operation, port.output_index),
          "save the model again");
    }
    const tf::Output output{operation, port.output_index};
    if (api_.OperationOutputType(output) != ToTensorFlow(port.spec.type)) {
      return InvalidArgument(fmt::format("the signature says that '{}' is {}, its graph does not",
                                         port.spec.name, ElementTypeName(port.spec.type)),
                             "save the model again");
    }
    return output;
  }

  tf::Session* get() const { return session_; }

 private:
  explicit Session(const tf::Api& api) : api_(api), graph_(api.NewGraph()) {}

  const tf::Api& api_;
  tf::Graph* graph_;
  tf::Session* session_ = nullptr;
};

// Values on their way into and out of a run; deletes what it holds.
class Values {
 public:
  Values(const tf::Api& api, std::size_t count) : api_(api), tensors_(count) {}
  ~Values() {
    for (tf::Tensor* tensor : tensors_) {
      if (tensor != nullptr) api_.DeleteTensor(tensor);
    }
  }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  tf::Tensor*& operator[](std::size_t i) { return tensors_[i]; }
  tf::Tensor** data() { return tensors_.data(); }
  int size() const { return static_cast<int>(tensors_.size()); }
  tf::Tensor* Release(std::size_t i) { return std::exchange(tensors_[i], nullptr); }

 private:
  const tf::Api& api_;
  std::vector<tf::Tensor*> tensors_;
};

struct StringMemory {
  const tf::Api* api;
  std::vector<tf::String> strings;
};

class TensorFlowModel final : public Model {
 public:
  TensorFlowModel(const tf::Api& api, std::unique_ptr<Session> session)
      : api_(api), session_(std::move(session)) {}

  Status AddPorts(const SavedModel& model) {
    for (const auto& [ports, specs, outputs] :
         {std::tuple(&model.inputs, &inputs_, &input_outputs_),
          std::tuple(&model.outputs, &outputs_, &output_outputs_)}) {
      for (const SavedModelPort& port : *ports) {
        JOEY_ASSIGN_OR_RETURN(const tf::Output output, session_->Find(port));
        specs->push_back(port.spec);
        outputs->push_back(output);
      }
    }
    return {};
  }

  // One row of zeros: the first run optimises the graph, which takes some hundred milliseconds.
  // What a model says of such a row does not matter.
  void WarmUp() const {
    std::vector<Tensor> row;
    for (const TensorSpec& input : inputs_) {
      Tensor& tensor = row.emplace_back();
      tensor.type = input.type;
      for (const std::int64_t size : input.shape) tensor.shape.push_back(size < 0 ? 1 : size);
      const auto count = static_cast<std::size_t>(tensor.ElementCount());
      constexpr std::size_t kElementsMax = 1 << 24;
      if (count > kElementsMax) return;
      if (input.type == ElementType::kString) {
        tensor.strings.resize(count);
      } else {
        auto zeros = std::make_shared<std::vector<std::uint64_t>>(count);  // as large as any type
        tensor.data = zeros->data();
        tensor.owner = std::move(zeros);
      }
    }
    (void)Run(row);
  }

  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }

  Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs) const override {
    try {
      Values in(api_, inputs.size());
      Values out(api_, outputs_.size());
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        in[i] = MakeValue(inputs[i]);
        if (in[i] == nullptr) return Internal("TensorFlow refuses a tensor of the request");
      }
      StatusPtr status = NewStatus(api_);
      api_.SessionRun(session_->get(), IsSmall(inputs) ? &InCallersThread() : nullptr,
                      input_outputs_.data(), in.data(), in.size(), output_outputs_.data(),
                      out.data(), out.size(), nullptr, 0, nullptr, status.get());
      if (const int code = api_.GetCode(status.get()); code == tf::kResourceExhausted) {
        return ResourceExhausted("not enough memory to run the model",
                                 "send fewer rows per request");
      } else if (code != tf::kOk) {
        return InvalidArgument("the model failed on this input: " + Message(api_, status.get()),
                               "check shapes and values of the inputs");
      }
      std::vector<Tensor> results;
      results.reserve(outputs_.size());
      for (std::size_t i = 0; i < outputs_.size(); ++i) {
        results.push_back(MakeTensor(out.Release(i), outputs_[i].type));
      }
      return results;
    } catch (const std::bad_alloc&) {
      return ResourceExhausted("not enough memory to run the model", "send fewer rows per request");
    }
  }

 private:
  // A few rows are done before other threads would have woken up; on one of the aloha model a
  // run in the caller's thread takes 3.3 instead of 4.1 ms.
  static bool IsSmall(std::span<const Tensor> inputs) {
    constexpr std::int64_t kRowsInCallersThread = 32;
    return inputs.front().shape.empty() || inputs.front().shape.front() < kRowsInCallersThread;
  }

  static const tf::Buffer& InCallersThread() {
    static const std::string* proto = [] {
      constexpr int kInterOpThreadPool = 3;  // field of RunOptions; -1: none
      auto* out = new std::string;
      AppendNumber(*out, kInterOpThreadPool, -1);
      return out;
    }();
    static const tf::Buffer buffer{proto->data(), proto->size(), nullptr};
    return buffer;
  }

  // The graph may keep a reference to its input, in a variable or as its output, longer than the
  // run: the value holds on to the memory's owner.
  tf::Tensor* MakeValue(const Tensor& tensor) const {
    const int dimensions = static_cast<int>(tensor.shape.size());
    if (tensor.type == ElementType::kString) {
      auto memory = std::make_unique<StringMemory>();
      memory->api = &api_;
      memory->strings.resize(tensor.strings.size());
      for (std::size_t i = 0; i < tensor.strings.size(); ++i) {
        api_.StringInit(&memory->strings[i]);
        api_.StringCopy(&memory->strings[i], tensor.strings[i].data(), tensor.strings[i].size());
      }
      void* data = memory->strings.data();
      const std::size_t bytes = memory->strings.size() * sizeof(tf::String);
      return api_.NewTensor(tf::kStringType, tensor.shape.data(), dimensions, data, bytes,
                            &FreeStrings, memory.release());
    }
    const std::size_t bytes =
        static_cast<std::size_t>(tensor.ElementCount()) * ElementSize(tensor.type);
    auto owner = std::make_unique<std::shared_ptr<const void>>(tensor.owner);
    return api_.NewTensor(ToTensorFlow(tensor.type), tensor.shape.data(), dimensions,
                          const_cast<void*>(tensor.data), bytes, &FreeOwner, owner.release());
  }

  static void FreeStrings(void*, std::size_t, void* argument) {
    const std::unique_ptr<StringMemory> memory(static_cast<StringMemory*>(argument));
    for (tf::String& text : memory->strings) memory->api->StringDealloc(&text);
  }

  static void FreeOwner(void*, std::size_t, void* argument) {
    delete static_cast<std::shared_ptr<const void>*>(argument);
  }

  Tensor MakeTensor(tf::Tensor* value, ElementType type) const {
    const std::shared_ptr<tf::Tensor> owner(value, api_.DeleteTensor);
    Tensor tensor;
    tensor.type = type;
    for (int i = 0; i < api_.NumDims(value); ++i) tensor.shape.push_back(api_.Dim(value, i));
    const void* data = api_.TensorData(value);
    if (type == ElementType::kString) {
      const auto* texts = static_cast<const tf::String*>(data);
      const auto count = static_cast<std::size_t>(tensor.ElementCount());
      for (std::size_t i = 0; i < count; ++i) {
        tensor.strings.emplace_back(api_.StringGetDataPointer(&texts[i]),
                                    api_.StringGetSize(&texts[i]));
      }
      return tensor;
    }
    tensor.data = data;
    tensor.owner = owner;
    return tensor;
  }

  const tf::Api& api_;
  std::unique_ptr<Session> session_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
  std::vector<tf::Output> input_outputs_;
  std::vector<tf::Output> output_outputs_;
};

// A folder that is removed again.
class ScratchFolder {
 public:
  static Result<ScratchFolder> Make(const std::string& parent) {
    std::string path = parent + "/savedmodel-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return FileError("create directory", path, errno);
    return ScratchFolder(std::move(path));
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace

struct TensorFlowRuntime::Impl {
  const tf::Api* api = nullptr;
  std::string config;  // ConfigProto of every session
};

TensorFlowRuntime::TensorFlowRuntime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TensorFlowRuntime::~TensorFlowRuntime() = default;

Result<std::unique_ptr<TensorFlowRuntime>> TensorFlowRuntime::Make(
    int threads, const std::string& library_directory) {
  auto impl = std::make_unique<Impl>();
  JOEY_ASSIGN_OR_RETURN(impl->api, tf::Open(library_directory));
  constexpr int kIntraOpThreads = 2;  // fields of ConfigProto
  constexpr int kInterOpThreads = 5;
  AppendNumber(impl->config, kIntraOpThreads, threads);
  AppendNumber(impl->config, kInterOpThreads, threads);
  return std::unique_ptr<TensorFlowRuntime>(new TensorFlowRuntime(std::move(impl)));
}

Result<std::unique_ptr<Model>> TensorFlowRuntime::Load(const std::string& zip_path,
                                                       const std::string& scratch_directory) {
  JOEY_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::Make(scratch_directory));
  JOEY_RETURN_IF_ERROR(ExtractSavedModelZip(zip_path, scratch.path()));
  SavedModel description;
  {
    JOEY_ASSIGN_OR_RETURN(const MappedFile graph,
                          MappedFile::Open(scratch.path() + "/saved_model.pb"));
    JOEY_ASSIGN_OR_RETURN(description, InspectSavedModel(graph.bytes()));
  }
  JOEY_ASSIGN_OR_RETURN(
      auto session, Session::Load(*impl_->api, impl_->config, scratch.path(), description.tags));
  auto model = std::make_unique<TensorFlowModel>(*impl_->api, std::move(session));
  JOEY_RETURN_IF_ERROR(model->AddPorts(description));
  model->WarmUp();
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace joey
