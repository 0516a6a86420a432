#include "engine/oip_json.h"

#include <simdjson.h>

#include <optional>
#include <utility>

#include "base/limits.h"
#include "data/json_print.h"
#include "data/tensor.h"
#include "engine/oip_json_data.h"

namespace joey::engine {

namespace od = simdjson::ondemand;

namespace {

constexpr std::size_t kParserBytesKept = 16 << 20;
constexpr std::size_t kCopiedBytesMax = 4096;  // binary outputs up to here are sent in one piece

// Calls `read(key, value)` for each field.
template <typename Read>
Status EachField(od::object& object, Read&& read) {
  for (auto field : object) {
    std::string_view key;
    od::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(value) != simdjson::SUCCESS) {
      return OipMalformedJson();
    }
    JOEY_RETURN_IF_ERROR(read(key, value));
  }
  return {};
}

// What of a request stands behind its JSON object.
struct BinaryInput {
  std::size_t index;
  std::uint64_t bytes;
};

class RequestReader {
 public:
  explicit RequestReader(std::string_view json) : json_(json) {
    const std::size_t bracket = json.rfind(']');
    last_bracket_ = json.data() + (bracket == std::string_view::npos ? 0 : bracket);
  }

  Status Read(od::object root) {
    JOEY_RETURN_IF_ERROR(EachField(root, [&](std::string_view key, od::value value) -> Status {
      if (key == "inputs") {
        JOEY_RETURN_IF_ERROR(Once(key, saw_inputs_));
        JOEY_RETURN_IF_ERROR(ReadEach(value, key, &RequestReader::ReadInput));
      } else if (key == "outputs") {
        JOEY_RETURN_IF_ERROR(Once(key, saw_outputs_));
        JOEY_RETURN_IF_ERROR(ReadEach(value, key, &RequestReader::ReadOutput));
      } else if (key == "id") {
        JOEY_ASSIGN_OR_RETURN(out_.request.id, Text(value, "the request's 'id'"));
      } else if (key == "parameters") {
        JOEY_RETURN_IF_ERROR(ReadParameters(value));
      }
      return {};
    }));

    if (!saw_inputs_)
      return InvalidArgument("the request has no 'inputs'", std::string(kOipExample));
    return {};
  }

  OipRestRequest& out() { return out_; }
  const std::vector<BinaryInput>& binary_inputs() const { return binary_inputs_; }

 private:
  struct Parameters {
    std::optional<std::uint64_t> binary_data_size;
    std::optional<bool> binary_data;
    std::optional<bool> binary_data_output;
  };

  static Status Once(std::string_view key, bool& seen) {
    if (seen) return InvalidArgument("'" + std::string(key) + "' is given twice", "give it once");
    seen = true;
    return {};
  }

  static Result<std::string> Text(od::value value, const std::string& what) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) {
      return InvalidArgument(what + " is no text", "put it in quotes");
    }
    return std::string(text);
  }

  Status ReadEach(od::value value, std::string_view key,
                  Status (RequestReader::*read)(od::object)) {
    od::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS) {
      return InvalidArgument("'" + std::string(key) + "' is no list", std::string(kOipExample));
    }
    std::size_t count = 0;
    for (auto item : list) {
      if (++count > limits::kColumnsMax) {
        return InvalidArgument(
            "more than " + std::to_string(limits::kColumnsMax) + " " + std::string(key),
            "put the values of one tensor into one input");
      }
      od::object object;
      const simdjson::error_code error = item.get_object().get(object);
      if (error == simdjson::INCORRECT_TYPE) {
        return InvalidArgument("an element of '" + std::string(key) + "' is no object",
                               std::string(kOipExample));
      }
      if (error != simdjson::SUCCESS) return OipMalformedJson();
      JOEY_RETURN_IF_ERROR((this->*read)(object));
    }
    return {};
  }

  // Parameters that nobody here knows are passed over, as the protocol wants it; those that would
  // change the answer are refused.
  static Status ReadParameterObject(od::value value, Parameters& out) {
    od::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) {
      return InvalidArgument("'parameters' is no object", std::string(kOipExample));
    }
    JOEY_RETURN_IF_ERROR(EachField(object, [&](std::string_view key, od::value entry) -> Status {
      if (key == "binary_data_size") {
        std::uint64_t size;
        if (entry.get_uint64().get(size) != simdjson::SUCCESS) {
          return InvalidArgument("'binary_data_size' is no number of bytes", "send a whole number");
        }
        out.binary_data_size = size;
      } else if (key == "binary_data" || key == "binary_data_output") {
        bool flag;
        if (entry.get_bool().get(flag) != simdjson::SUCCESS) {
          return InvalidArgument("'" + std::string(key) + "' is not true or false",
                                 "send true or false");
        }
        (key == "binary_data" ? out.binary_data : out.binary_data_output) = flag;
      } else if (key == "classification" || key.starts_with("shared_memory")) {
        return Status(Code::kUnimplemented,
                      "the parameter '" + std::string(key) + "' is not supported",
                      "send and take whole tensors");
      }
      return {};
    }));

    return {};
  }

  Status ReadParameters(od::value value) {
    Parameters parameters;
    JOEY_RETURN_IF_ERROR(ReadParameterObject(value, parameters));
    out_.binary_output = parameters.binary_data_output.value_or(false);
    return {};
  }

  Status ReadOutput(od::object object) {
    Parameters parameters;
    std::string name;
    JOEY_RETURN_IF_ERROR(EachField(object, [&](std::string_view key, od::value value) -> Status {
      if (key == "name") {
        JOEY_ASSIGN_OR_RETURN(name, Text(value, "an output's 'name'"));
      } else if (key == "parameters") {
        JOEY_RETURN_IF_ERROR(ReadParameterObject(value, parameters));
      }
      return {};
    }));

    if (name.empty()) {
      return InvalidArgument("a requested output has no name", "leave 'outputs' out to get all");
    }
    out_.request.outputs.push_back(std::move(name));
    binary_.push_back(parameters.binary_data);
    return {};
  }

  static Status ReadShape(od::value value, OipTensor& tensor) {
    od::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS) {
      return OipProblem(tensor.name, "its shape is no list", "send a list of sizes like [1, 3]");
    }
    for (auto item : list) {
      std::int64_t dimension;
      if (item.get_int64().get(dimension) != simdjson::SUCCESS) {
        return OipProblem(tensor.name, "its shape has something other than whole numbers",
                          "send a list of sizes like [1, 3]");
      }
      if (tensor.shape.size() > limits::kOipDimensionsMax) break;  // OipElementCount() refuses it
      tensor.shape.push_back(dimension);
    }
    return {};
  }

  Status ReadData(od::value data, OipTensor& tensor) const {
    JOEY_ASSIGN_OR_RETURN(ElementType type, ParseOipDatatype(tensor.datatype, tensor.name));
    JOEY_ASSIGN_OR_RETURN(std::int64_t count, OipElementCount(tensor.shape, tensor.name));
    if (type == ElementType::kBFloat16) {  // becomes a float32 column anyway
      type = ElementType::kFloat32;
      tensor.datatype = OipDatatype(type);
    }
    // Each element takes two characters; memory must not follow from a claim alone.
    if (static_cast<std::size_t>(count) > json_.size() / 2) {
      return OipProblem(tensor.name,
                        "shape " + ShapeText(tensor.shape) + " takes " + std::to_string(count) +
                            " elements, there are fewer",
                        "send exactly the elements of the shape");
    }
    return ReadOipData(data, type, count, last_bracket_, tensor);
  }

  Status ReadInput(od::object object) {
    OipTensor tensor;
    Parameters parameters;
    bool saw_data = false;
    bool read_data = false;
    JOEY_RETURN_IF_ERROR(EachField(object, [&](std::string_view key, od::value value) -> Status {
      if (key == "name") {
        JOEY_ASSIGN_OR_RETURN(tensor.name, Text(value, "an input's 'name'"));
      } else if (key == "datatype") {
        JOEY_ASSIGN_OR_RETURN(tensor.datatype, Text(value, "an input's 'datatype'"));
      } else if (key == "shape") {
        tensor.shape.clear();
        JOEY_RETURN_IF_ERROR(ReadShape(value, tensor));
      } else if (key == "parameters") {
        JOEY_RETURN_IF_ERROR(ReadParameterObject(value, parameters));
      } else if (key == "data") {
        JOEY_RETURN_IF_ERROR(Once("data", saw_data));
        if (tensor.name.empty() || tensor.datatype.empty() || tensor.shape.empty()) return Status();
        JOEY_RETURN_IF_ERROR(ReadData(value, tensor));
        read_data = true;
      }
      return {};
    }));

    if (parameters.binary_data_size) {
      if (saw_data) {
        return OipProblem(tensor.name, "it has both 'data' and 'binary_data_size'",
                          "send one of them");
      }
      binary_inputs_.push_back({out_.request.inputs.size(), *parameters.binary_data_size});
    } else if (!saw_data) {
      return OipProblem(tensor.name, "it has no data",
                        "send 'data', or 'binary_data_size' with the bytes behind the JSON object");
    } else if (!read_data) {
      // The data stood before what says how to read it.
      od::value data;
      if (object.reset().error() != simdjson::SUCCESS ||
          object.find_field_unordered("data").get(data) != simdjson::SUCCESS) {
        return OipMalformedJson();
      }
      JOEY_RETURN_IF_ERROR(ReadData(data, tensor));
    }
    out_.request.inputs.push_back(std::move(tensor));
    return {};
  }

 public:
  // After Read(): `binary` for every output that was asked for.
  void Finish() {
    for (const std::optional<bool>& wish : binary_) {
      out_.binary.push_back(wish.value_or(out_.binary_output));
    }
  }

 private:
  const std::string_view json_;
  const char* last_bracket_;
  OipRestRequest out_;
  std::vector<std::optional<bool>> binary_;
  std::vector<BinaryInput> binary_inputs_;
  bool saw_inputs_ = false;
  bool saw_outputs_ = false;
};

Status TakeBinary(const http::Body& body, std::size_t json_bytes, RequestReader& reader) {
  std::string_view rest = body.view().substr(json_bytes);
  for (const BinaryInput& binary : reader.binary_inputs()) {
    OipTensor& tensor = reader.out().request.inputs[binary.index];
    if (binary.bytes > rest.size()) {
      return OipProblem(tensor.name,
                        "'binary_data_size' is " + std::to_string(binary.bytes) + ", only " +
                            std::to_string(rest.size()) + " bytes are left in the body",
                        "Inference-Header-Content-Length gives the length of the JSON object, the "
                        "bytes of all tensors follow it");
    }
    tensor.owner = body.owner();
    tensor.bytes = rest.substr(0, binary.bytes);
    rest.remove_prefix(binary.bytes);
  }
  if (rest.empty()) return {};
  return InvalidArgument(
      "the body has " + std::to_string(rest.size()) + " bytes that belong to no tensor",
      "Inference-Header-Content-Length gives the length of the JSON object, "
      "'binary_data_size' that of each binary tensor");
}

Result<OipRestRequest> Parse(od::parser& parser, const http::Body& body, std::size_t json_bytes) {
  od::document document;
  od::object root;
  if (parser.iterate(body.data(), json_bytes, json_bytes + simdjson::SIMDJSON_PADDING)
              .get(document) != simdjson::SUCCESS ||
      document.get_object().get(root) != simdjson::SUCCESS) {
    return OipMalformedJson();
  }
  RequestReader reader(body.view().substr(0, json_bytes));
  JOEY_RETURN_IF_ERROR(reader.Read(root));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return OipMalformedJson();
  JOEY_RETURN_IF_ERROR(TakeBinary(body, json_bytes, reader));
  reader.Finish();
  return std::move(reader.out());
}

void AppendShape(std::string& out, const std::vector<std::int64_t>& shape) {
  out += '[';
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonInteger(out, shape[i]);
  }
  out += ']';
}

}  // namespace

Result<OipRestRequest> ParseOipJson(const http::Body& body, std::size_t json_bytes) {
  if (json_bytes == 0) return OipMalformedJson();
  thread_local od::parser parser;
  Result<OipRestRequest> out = Parse(parser, body, json_bytes);
  // One huge request must not pin its memory to the thread for ever.
  if (json_bytes > kParserBytesKept) parser = od::parser();
  return out;
}

http::Response WriteOipAnswer(const OipModelInfo& model, std::string_view id,
                              std::vector<OipColumn> columns, const std::vector<bool>& binary) {
  std::string json = R"({"model_name":)";
  AppendJsonString(json, model.name);
  json += R"(,"model_version":)";
  AppendJsonString(json, model.version);
  if (!id.empty()) {
    json += R"(,"id":)";
    AppendJsonString(json, id);
  }
  json += R"(,"outputs":[)";
  std::vector<http::BodyPart> parts;
  std::size_t binary_bytes = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    OipColumn& column = columns[i];
    json += i > 0 ? R"(,{"name":)" : R"({"name":)";
    AppendJsonString(json, column.name);
    json += R"(,"datatype":")";
    json += OipDatatype(column.type);
    json += R"(","shape":)";
    AppendShape(json, column.shape);
    if (binary[i]) {
      OipTensor tensor = OipToTensor(std::move(column));
      json += R"(,"parameters":{"binary_data_size":)";
      AppendJsonInteger(json, static_cast<std::int64_t>(tensor.bytes.size()));
      json += '}';
      binary_bytes += tensor.bytes.size();
      parts.push_back({std::move(tensor.owner), tensor.bytes});
    } else {
      json += R"(,"data":)";
      AppendOipJson(json, column);
    }
    json += '}';
  }
  json += "]}";
  if (parts.empty()) return http::Response::Json(std::move(json));
  http::Response response;
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(json.size()));
  if (binary_bytes <= kCopiedBytesMax) {
    response.body = std::move(json);
    for (const http::BodyPart& part : parts) response.body += part.bytes;
    return response;
  }
  auto head = std::make_shared<const std::string>(std::move(json));
  parts.insert(parts.begin(), {head, *head});
  response.parts = std::move(parts);
  return response;
}

}  // namespace joey::engine
