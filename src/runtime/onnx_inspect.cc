#include "runtime/onnx_inspect.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/limits.h"
#include "runtime/file_format.h"
#include "runtime/onnx_tensor.h"
#include "runtime/protobuf_reader.h"

// Field numbers are those of onnx.proto.

namespace joey {
namespace {

using Wire = ProtobufReader::Wire;

struct OperatorDomain {
  std::string_view name;
  std::int64_t version_max;
};
constexpr OperatorDomain kDomains[] = {
    {"", kOnnxOpsetMax},     {"ai.onnx", kOnnxOpsetMax}, {"ai.onnx.ml", 5},
    {"ai.onnx.training", 1}, {"com.microsoft", 1},
};

const OperatorDomain* FindDomain(std::string_view name) {
  const auto* found = std::find_if(std::begin(kDomains), std::end(kDomains),
                                   [&](const OperatorDomain& d) { return d.name == name; });
  return found == std::end(kDomains) ? nullptr : found;
}

class Inspector {
 public:
  Result<ModelSignature> Run(std::string_view file);

 private:
  Status ReadHeader(std::string_view file);
  Status ReadOpset(std::string_view bytes);
  Status CheckVersions() const;
  Status WalkGraph(std::string_view bytes, int depth);
  Status WalkNode(std::string_view bytes, int depth);
  Status WalkAttribute(std::string_view bytes, int depth);
  Status WalkFunction(std::string_view bytes);
  Status WalkTraining(std::string_view bytes);
  Status CheckOperator(std::string_view domain, std::string_view op_type) const;
  Status ReadSignature();
  Status ReadField(std::string_view bytes, std::string_view kind, ModelField& field) const;
  Status ReadTensorType(std::string_view bytes, std::string_view kind, ModelField& field) const;
  Status AddField(std::string_view bytes, std::string_view kind, std::vector<ModelField>& fields);

  ModelSignature signature_;
  std::string_view graph_;
  bool has_graph_ = false;
  bool has_operator_set_ = false;
  std::vector<std::string_view> functions_;
  std::vector<std::string_view> trainings_;
  std::unordered_set<std::string> function_ids_;  // domain + '\n' + name
};

Status Inspector::ReadOpset(std::string_view bytes) {
  has_operator_set_ = true;
  std::string_view domain;
  std::int64_t version = 0;
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1 && reader.wire() == Wire::kBytes) domain = reader.bytes();
    if (reader.field() == 2 && reader.wire() == Wire::kVarint) version = reader.integer();
  }
  if (reader.damaged()) return OnnxDamaged("operator set import");
  const OperatorDomain* known = FindDomain(domain);
  if (known == nullptr) return {};  // harmless as long as no node uses it
  if (version < 1 || version > known->version_max) {
    return InvalidArgument(
        fmt::format("the model uses version {} of the operator set '{}'; versions 1 to {} are "
                    "supported",
                    version, domain.empty() ? "ai.onnx" : domain, known->version_max),
        fmt::format("export it again with opset_version={}", known->version_max));
  }
  if (known->version_max == kOnnxOpsetMax) signature_.opset = std::max(signature_.opset, version);
  return {};
}

Status Inspector::ReadHeader(std::string_view file) {
  ProtobufReader reader(file);
  while (reader.Next()) {
    const bool bytes = reader.wire() == Wire::kBytes;
    switch (reader.field()) {
      case 1:
        if (reader.wire() == Wire::kVarint) signature_.ir_version = reader.integer();
        break;
      case 7:
        if (!bytes) return OnnxDamaged("header");
        // Protobuf would merge two graphs into one; no exporter writes that.
        if (has_graph_) return NotOnnx("it has two graphs");
        has_graph_ = true;
        graph_ = reader.bytes();
        break;
      case 8:
        if (!bytes) return OnnxDamaged("header");
        JOEY_RETURN_IF_ERROR(ReadOpset(reader.bytes()));
        break;
      case 20:
        if (!bytes) return OnnxDamaged("header");
        trainings_.push_back(reader.bytes());
        break;
      case 25:
        if (!bytes) return OnnxDamaged("header");
        functions_.push_back(reader.bytes());
        break;
      default:
        break;
    }
  }
  if (reader.damaged()) return OnnxDamaged("header");
  if (!has_graph_) return NotOnnx("it has no graph");
  return {};
}

Status Inspector::CheckVersions() const {
  if (signature_.ir_version < 1) return NotOnnx("it has no IR version");
  if (signature_.ir_version > kOnnxIrVersionMax) {
    return InvalidArgument(
        fmt::format("the model has ONNX IR version {}; versions up to {} are supported",
                    signature_.ir_version, kOnnxIrVersionMax),
        "export it with an older onnx package, or set model.ir_version = " +
            std::to_string(kOnnxIrVersionMax) + " before onnx.save");
  }
  if (!has_operator_set_ && signature_.ir_version >= 3) {
    return NotOnnx("it names no operator set");
  }
  return {};
}

Status Inspector::CheckOperator(std::string_view domain, std::string_view op_type) const {
  if (domain == "com.microsoft" && op_type == "EPContext") {
    return InvalidArgument("the model holds an EPContext node, which refers to other files",
                           "upload the original model instead of one compiled for a device");
  }
  if (FindDomain(domain) != nullptr) return {};
  if (function_ids_.contains(std::string(domain) + '\n' + std::string(op_type))) return {};
  return InvalidArgument(
      fmt::format("the model uses the operator '{}' of the unknown domain '{}'",
                  op_type.substr(0, 200), domain.substr(0, 200)),
      "only standard ONNX operators, ai.onnx.ml and com.microsoft are supported: export the model "
      "without custom operators");
}

Status Inspector::WalkAttribute(std::string_view bytes, int depth) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    OnnxTensor tensor;
    switch (reader.field()) {
      case 5:
      case 10:
        JOEY_RETURN_IF_ERROR(ReadOnnxTensor(reader.bytes(), tensor));
        break;
      case 6:
      case 11:
        JOEY_RETURN_IF_ERROR(WalkGraph(reader.bytes(), depth + 1));
        break;
      case 22:
      case 23:
        JOEY_RETURN_IF_ERROR(ReadOnnxSparseTensor(reader.bytes(), tensor));
        break;
      default:
        break;
    }
  }
  return reader.damaged() ? OnnxDamaged("attributes") : Status();
}

Status Inspector::WalkNode(std::string_view bytes, int depth) {
  std::string_view domain;
  std::string_view op_type;
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 4) op_type = reader.bytes();
    if (reader.field() == 7) domain = reader.bytes();
    if (reader.field() == 5) JOEY_RETURN_IF_ERROR(WalkAttribute(reader.bytes(), depth));
  }
  if (reader.damaged()) return OnnxDamaged("nodes");
  return CheckOperator(domain, op_type);
}

Status Inspector::WalkGraph(std::string_view bytes, int depth) {
  if (depth > limits::kOnnxGraphDepthMax) {
    return InvalidArgument(
        fmt::format("the model nests graphs deeper than {} levels", limits::kOnnxGraphDepthMax));
  }
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    OnnxTensor tensor;
    if (reader.field() == 1) JOEY_RETURN_IF_ERROR(WalkNode(reader.bytes(), depth));
    if (reader.field() == 5) JOEY_RETURN_IF_ERROR(ReadOnnxTensor(reader.bytes(), tensor));
    if (reader.field() == 15) JOEY_RETURN_IF_ERROR(ReadOnnxSparseTensor(reader.bytes(), tensor));
  }
  return reader.damaged() ? OnnxDamaged("graph") : Status();
}

Status Inspector::WalkFunction(std::string_view bytes) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 7) JOEY_RETURN_IF_ERROR(WalkNode(reader.bytes(), 1));
    if (reader.field() == 11) JOEY_RETURN_IF_ERROR(WalkAttribute(reader.bytes(), 1));
    if (reader.field() == 9) JOEY_RETURN_IF_ERROR(ReadOpset(reader.bytes()));
  }
  return reader.damaged() ? OnnxDamaged("functions") : Status();
}

Status Inspector::WalkTraining(std::string_view bytes) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1 || reader.field() == 2) {
      JOEY_RETURN_IF_ERROR(WalkGraph(reader.bytes(), 1));
    }
  }
  return reader.damaged() ? OnnxDamaged("training information") : Status();
}

Status Inspector::ReadTensorType(std::string_view bytes, std::string_view kind,
                                 ModelField& field) const {
  std::uint64_t type = 0;
  std::optional<std::string_view> shape;
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) type = reader.number();
    if (reader.field() == 2) shape = reader.bytes();
  }
  if (reader.damaged()) return OnnxDamaged("types");
  const OnnxElementInfo* element = FindOnnxElement(type);
  if (element == nullptr || !element->usable) {
    return InvalidArgument(
        fmt::format("the {} '{}' of the model has the element type {}", kind, field.name,
                    element != nullptr ? std::string(element->name) : std::to_string(type)),
        "supported are float16, bfloat16, float32, float64, int8 to int64, uint8 to uint64, bool "
        "and string");
  }
  field.type = element->name;
  field.shape.clear();
  if (!shape) {
    field.shape.push_back(-1);
    return {};
  }
  ProtobufReader dimensions(*shape);
  while (dimensions.Next()) {
    if (dimensions.field() != 1) continue;
    std::int64_t size = -1;
    ProtobufReader dimension(dimensions.bytes());
    while (dimension.Next()) {
      if (dimension.field() == 1 && dimension.wire() == Wire::kVarint) size = dimension.integer();
    }
    if (dimension.damaged()) return OnnxDamaged("shapes");
    field.shape.push_back(std::max<std::int64_t>(size, -1));
    if (field.shape.size() > limits::kModelDimensionsMax) {
      return InvalidArgument(fmt::format("the {} '{}' of the model has more than {} dimensions",
                                         kind, field.name, limits::kModelDimensionsMax));
    }
  }
  return dimensions.damaged() ? OnnxDamaged("shapes") : Status();
}

Status Inspector::ReadField(std::string_view bytes, std::string_view kind,
                            ModelField& field) const {
  std::optional<std::string_view> type;
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) field.name = reader.bytes();
    if (reader.field() == 2) type = reader.bytes();
  }
  if (reader.damaged()) return OnnxDamaged("inputs and outputs");
  const bool control =
      std::any_of(field.name.begin(), field.name.end(), [](char c) { return c >= 0 && c < ' '; });
  if (field.name.empty() || control ||
      !simdjson::validate_utf8(field.name.data(), field.name.size())) {
    return InvalidArgument(fmt::format("an {} of the model has no readable name", kind),
                           "give every input and output a name in UTF-8 when exporting");
  }
  std::optional<std::string_view> tensor;
  if (type) {
    ProtobufReader types(*type);
    while (types.Next()) {
      if (types.field() == 1) tensor = types.bytes();
    }
    if (types.damaged()) return OnnxDamaged("types");
  }
  if (!tensor) {
    return InvalidArgument(
        fmt::format("the {} '{}' of the model is not a tensor", kind, field.name),
        "export tensors only; for scikit-learn classifiers convert with "
        "options={'zipmap': False}");
  }
  return ReadTensorType(*tensor, kind, field);
}

Status Inspector::AddField(std::string_view bytes, std::string_view kind,
                           std::vector<ModelField>& fields) {
  if (fields.size() >= limits::kModelIoMax) {
    return InvalidArgument(
        fmt::format("the model has more than {} {}s", limits::kModelIoMax, kind));
  }
  ModelField field;
  JOEY_RETURN_IF_ERROR(ReadField(bytes, kind, field));
  fields.push_back(std::move(field));
  return {};
}

Status Inspector::ReadSignature() {
  std::unordered_set<std::string_view> initializers;
  ProtobufReader reader(graph_);
  while (reader.Next()) {
    OnnxTensor tensor;
    if (reader.field() == 5) JOEY_RETURN_IF_ERROR(ReadOnnxTensor(reader.bytes(), tensor));
    if (reader.field() == 15) JOEY_RETURN_IF_ERROR(ReadOnnxSparseTensor(reader.bytes(), tensor));
    if (!tensor.name.empty()) initializers.insert(tensor.name);
  }
  ProtobufReader fields(graph_);
  while (fields.Next()) {
    if (fields.field() == 11) {
      std::string_view name;
      ProtobufReader value(fields.bytes());
      while (value.Next()) {
        if (value.field() == 1) name = value.bytes();
      }
      // Up to IR version 3 every initializer was listed as an input as well.
      if (initializers.contains(name)) continue;
      JOEY_RETURN_IF_ERROR(AddField(fields.bytes(), "input", signature_.inputs));
    }
    if (fields.field() == 12) {
      JOEY_RETURN_IF_ERROR(AddField(fields.bytes(), "output", signature_.outputs));
    }
  }
  for (const auto* side : {&signature_.inputs, &signature_.outputs}) {
    const std::string_view kind = side == &signature_.inputs ? "input" : "output";
    if (side->empty()) {
      return InvalidArgument(fmt::format("the model has no {}s", kind),
                             fmt::format("a model to deploy needs at least one {}", kind));
    }
    std::unordered_set<std::string_view> names;
    for (const ModelField& field : *side) {
      if (!names.insert(field.name).second) {
        return InvalidArgument(fmt::format("the model has two {}s named '{}'", kind, field.name));
      }
    }
  }
  return {};
}

Result<ModelSignature> Inspector::Run(std::string_view file) {
  if (file.empty()) return NotOnnx("it is empty");
  if (const std::string_view format = NameOfFileFormat(file); !format.empty()) {
    return NotOnnx(fmt::format("it is {}", format));
  }
  JOEY_RETURN_IF_ERROR(ReadHeader(file));
  JOEY_RETURN_IF_ERROR(CheckVersions());
  for (const std::string_view function : functions_) {
    std::string_view name;
    std::string_view domain;
    ProtobufReader reader(function);
    while (reader.Next()) {
      if (reader.field() == 1) name = reader.bytes();
      if (reader.field() == 10) domain = reader.bytes();
    }
    function_ids_.insert(std::string(domain) + '\n' + std::string(name));
  }
  JOEY_RETURN_IF_ERROR(WalkGraph(graph_, 1));
  for (const std::string_view function : functions_) JOEY_RETURN_IF_ERROR(WalkFunction(function));
  for (const std::string_view training : trainings_) JOEY_RETURN_IF_ERROR(WalkTraining(training));
  JOEY_RETURN_IF_ERROR(ReadSignature());
  return std::move(signature_);
}

}  // namespace

Result<ModelSignature> InspectOnnx(std::string_view file) { return Inspector().Run(file); }

}  // namespace joey
