#include "runtime/tensorflow_api.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>

namespace joey::tf {
namespace {

template <typename F>
void Find(void* library, const char* name, F*& function, std::string& missing) {
  function = reinterpret_cast<F*>(::dlsym(library, name));
  if (function == nullptr) missing += std::string(missing.empty() ? "" : ", ") + name;
}

}  // namespace

Result<const Api*> Open(const std::string& directory) {
  // TensorFlow reads this while it is opened. Its informational lines would fill the engine's log.
  ::setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
  const std::string path = directory + "/libtensorflow_cc.so.2";
  void* library = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    return FailedPrecondition(std::string("cannot open TensorFlow: ") + ::dlerror(),
                              "run 'joey plugin install tensorflow'");
  }
  static Api api;
  std::string missing;
#define JOEY_TF_FUNCTION(name) Find(library, "TF_" #name, api.name, missing)
  JOEY_TF_FUNCTION(Version);
  JOEY_TF_FUNCTION(DataTypeSize);
  JOEY_TF_FUNCTION(NewStatus);
  JOEY_TF_FUNCTION(DeleteStatus);
  JOEY_TF_FUNCTION(GetCode);
  JOEY_TF_FUNCTION(Message);
  JOEY_TF_FUNCTION(NewSessionOptions);
  JOEY_TF_FUNCTION(DeleteSessionOptions);
  JOEY_TF_FUNCTION(SetConfig);
  JOEY_TF_FUNCTION(NewGraph);
  JOEY_TF_FUNCTION(DeleteGraph);
  JOEY_TF_FUNCTION(GraphOperationByName);
  JOEY_TF_FUNCTION(OperationNumOutputs);
  JOEY_TF_FUNCTION(OperationOutputType);
  JOEY_TF_FUNCTION(LoadSessionFromSavedModel);
  JOEY_TF_FUNCTION(CloseSession);
  JOEY_TF_FUNCTION(DeleteSession);
  JOEY_TF_FUNCTION(SessionRun);
  JOEY_TF_FUNCTION(NewTensor);
  JOEY_TF_FUNCTION(DeleteTensor);
  JOEY_TF_FUNCTION(TensorType);
  JOEY_TF_FUNCTION(NumDims);
  JOEY_TF_FUNCTION(Dim);
  JOEY_TF_FUNCTION(TensorData);
  JOEY_TF_FUNCTION(StringInit);
  JOEY_TF_FUNCTION(StringCopy);
  JOEY_TF_FUNCTION(StringGetDataPointer);
  JOEY_TF_FUNCTION(StringGetSize);
  JOEY_TF_FUNCTION(StringDealloc);
#undef JOEY_TF_FUNCTION
  if (!missing.empty()) {
    return FailedPrecondition(fmt::format("{} lacks {}", path, missing),
                              "run 'joey plugin install tensorflow'");
  }
  return &api;
}

}  // namespace joey::tf
