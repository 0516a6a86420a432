#include "grpc/tensors.h"

#include <cstring>
#include <limits>
#include <utility>

namespace joey::engine {

namespace {

using inference::InferTensorContents;
using inference::ModelInferRequest;

Status Problem(const std::string& tensor, std::string what, std::string hint) {
  return InvalidArgument("tensor '" + tensor + "': " + std::move(what), std::move(hint));
}

template <typename T>
void Append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T, typename Field>
bool AppendAll(std::string& out, const Field& elements) {
  out.reserve(static_cast<std::size_t>(elements.size()) * sizeof(T));
  for (const auto element : elements) {
    if constexpr (std::numeric_limits<T>::is_integer && !std::is_same_v<T, bool>) {
      if (!std::in_range<T>(element)) return false;
    }
    Append(out, static_cast<T>(element));
  }
  return true;
}

// The bytes of typed contents. How many there must be, the caller of the service checks.
Status ReadContents(const ModelInferRequest::InferInputTensor& input, std::string& out) {
  const std::string& type = input.datatype();
  const InferTensorContents& contents = input.contents();
  bool fits = true;
  if (type == "BOOL") {
    fits = AppendAll<bool>(out, contents.bool_contents());
  } else if (type == "INT8") {
    fits = AppendAll<std::int8_t>(out, contents.int_contents());
  } else if (type == "INT16") {
    fits = AppendAll<std::int16_t>(out, contents.int_contents());
  } else if (type == "INT32") {
    fits = AppendAll<std::int32_t>(out, contents.int_contents());
  } else if (type == "INT64") {
    fits = AppendAll<std::int64_t>(out, contents.int64_contents());
  } else if (type == "UINT8") {
    fits = AppendAll<std::uint8_t>(out, contents.uint_contents());
  } else if (type == "UINT16") {
    fits = AppendAll<std::uint16_t>(out, contents.uint_contents());
  } else if (type == "UINT32") {
    fits = AppendAll<std::uint32_t>(out, contents.uint_contents());
  } else if (type == "UINT64") {
    fits = AppendAll<std::uint64_t>(out, contents.uint64_contents());
  } else if (type == "FP32") {
    fits = AppendAll<float>(out, contents.fp32_contents());
  } else if (type == "FP64") {
    fits = AppendAll<double>(out, contents.fp64_contents());
  } else if (type == "BYTES") {
    for (const std::string& element : contents.bytes_contents()) {
      Append(out, static_cast<std::uint32_t>(element.size()));
      out += element;
    }
  } else if (type == "FP16" || type == "BF16") {
    return Problem(input.name(), type + " has no typed contents", "send it in raw_input_contents");
  }
  if (fits) return {};
  return Problem(input.name(), "an element does not fit " + type,
                 "send whole numbers of that type's range");
}

void SetBytes(OipTensor& tensor, std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  tensor.bytes = *owner;
  tensor.owner = std::move(owner);
}

}  // namespace

Result<OipRequest> ReadInferRequest(ModelInferRequest& message) {
  OipRequest out;
  const bool raw = message.raw_input_contents_size() > 0;
  if (raw && message.raw_input_contents_size() != message.inputs_size()) {
    return InvalidArgument("there are " + std::to_string(message.raw_input_contents_size()) +
                               " raw_input_contents for " + std::to_string(message.inputs_size()) +
                               " inputs",
                           "send one for each input, in their order");
  }
  out.inputs.reserve(static_cast<std::size_t>(message.inputs_size()));
  for (int i = 0; i < message.inputs_size(); ++i) {
    auto& input = *message.mutable_inputs(i);
    OipTensor tensor;
    if (raw && input.has_contents()) {
      return Problem(input.name(), "it has both contents and raw_input_contents",
                     "send one of them");
    }
    if (input.parameters().contains("shared_memory_region")) {
      return Status(Code::kUnimplemented, "shared memory is not supported",
                    "send the tensor's elements");
    }
    if (raw) {
      SetBytes(tensor, std::move(*message.mutable_raw_input_contents(i)));
    } else {
      std::string bytes;
      JOEY_RETURN_IF_ERROR(ReadContents(input, bytes));
      SetBytes(tensor, std::move(bytes));
    }
    tensor.name = std::move(*input.mutable_name());
    tensor.datatype = std::move(*input.mutable_datatype());
    tensor.shape.assign(input.shape().begin(), input.shape().end());
    out.inputs.push_back(std::move(tensor));
  }
  for (auto& output : *message.mutable_outputs()) {
    for (const char* parameter : {"classification", "shared_memory_region"}) {
      if (!output.parameters().contains(parameter)) continue;
      return Status(Code::kUnimplemented,
                    std::string("the parameter '") + parameter + "' is not supported",
                    "take whole tensors");
    }
    out.outputs.push_back(std::move(*output.mutable_name()));
  }
  return out;
}

void WriteInferResponse(const OipModelInfo& model, const std::string& id,
                        const std::vector<OipTensor>& outputs,
                        inference::ModelInferResponse& message) {
  message.set_model_name(model.name);
  message.set_model_version(model.version);
  message.set_id(id);
  for (const OipTensor& tensor : outputs) {
    auto& output = *message.add_outputs();
    output.set_name(tensor.name);
    output.set_datatype(tensor.datatype);
    output.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
    message.add_raw_output_contents(tensor.bytes.data(), tensor.bytes.size());
  }
}

}  // namespace joey::engine
