#include "runtime/tensorflow_inspect.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "runtime/protobuf_reader.h"

// Field numbers are those of saved_model.proto, meta_graph.proto, graph.proto, function.proto.

namespace joey {
namespace {

using Wire = ProtobufReader::Wire;

struct DataType {
  std::string_view name;
  std::optional<ElementType> element;  // none: not carried
};

// By the number of types.proto.
constexpr DataType kDataTypes[] = {
    {"invalid", {}},
    {"float32", ElementType::kFloat32},
    {"float64", ElementType::kFloat64},
    {"int32", ElementType::kInt32},
    {"uint8", ElementType::kUInt8},
    {"int16", ElementType::kInt16},
    {"int8", ElementType::kInt8},
    {"string", ElementType::kString},
    {"complex64", {}},
    {"int64", ElementType::kInt64},
    {"bool", ElementType::kBool},
    {"qint8", {}},
    {"quint8", {}},
    {"qint32", {}},
    {"bfloat16", ElementType::kBFloat16},
    {"qint16", {}},
    {"quint16", {}},
    {"uint16", ElementType::kUInt16},
    {"complex128", {}},
    {"float16", ElementType::kFloat16},
    {"resource", {}},
    {"variant", {}},
    {"uint32", ElementType::kUInt32},
    {"uint64", ElementType::kUInt64},
};

// Operations by which a model would reach what is not its own. A graph is a program all the same:
// this keeps accidents out, the limits of the engine's process do the rest.
constexpr std::string_view kRefusedOperations[] = {
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugIdentityV3",
    "EagerPyFunc",
    "FixedLengthRecordReader",
    "FixedLengthRecordReaderV2",
    "MatchingFiles",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "TFRecordReader",
    "TFRecordReaderV2",
    "TextLineReader",
    "TextLineReaderV2",
    "WholeFileReader",
    "WholeFileReaderV2",
    "WriteFile",
};
constexpr std::string_view kVariableOperations[] = {"VarHandleOp", "Variable", "VariableV2"};

template <std::size_t N>
bool Holds(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

Status Damaged(std::string_view part) {
  return InvalidArgument(fmt::format("saved_model.pb is damaged: its {} cannot be read", part),
                         "save the model again with model.export or tf.saved_model.save");
}

struct Entry {  // of a protobuf map
  std::string_view key;
  std::string_view value;
};

bool ReadEntry(std::string_view bytes, Entry& entry) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) entry.key = reader.bytes();
    if (reader.field() == 2) entry.value = reader.bytes();
  }
  return !reader.damaged();
}

// A MetaGraphDef's parts that matter; views into the file.
struct MetaGraph {
  std::vector<std::string> tags;
  std::string_view graph;
  bool restores = false;
  std::vector<Entry> signatures;

  bool Serves() const { return std::find(tags.begin(), tags.end(), "serve") != tags.end(); }
};

Status ReadMetaGraph(std::string_view bytes, MetaGraph& out) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.wire() != Wire::kBytes) continue;
    if (reader.field() == 1) {
      ProtobufReader info(reader.bytes());
      while (info.Next()) {
        if (info.field() == 4) out.tags.emplace_back(info.bytes());
      }
      if (info.damaged()) return Damaged("description");
    } else if (reader.field() == 2) {
      out.graph = reader.bytes();
    } else if (reader.field() == 3) {
      out.restores = !reader.bytes().empty();
    } else if (reader.field() == 5) {
      Entry& entry = out.signatures.emplace_back();
      if (!ReadEntry(reader.bytes(), entry)) return Damaged("signatures");
      if (out.signatures.size() > limits::kModelIoMax) return Damaged("signatures");
    }
  }
  return reader.damaged() ? Damaged("graph") : Status();
}

Status WalkNode(std::string_view bytes, bool& has_variables) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 2) continue;
    if (Holds(kRefusedOperations, reader.bytes())) {
      return InvalidArgument(
          fmt::format("the model uses the operation {}, which reaches outside of the model",
                      reader.bytes()),
          "export it without operations that read or write files or call Python (tf.py_function)");
    }
    has_variables |= Holds(kVariableOperations, reader.bytes());
  }
  return reader.damaged() ? Damaged("nodes") : Status();
}

Status WalkLibrary(std::string_view bytes, bool& has_variables) {
  ProtobufReader library(bytes);
  while (library.Next()) {
    if (library.field() != 1) continue;
    ProtobufReader function(library.bytes());
    while (function.Next()) {
      if (function.field() == 3) JOEY_RETURN_IF_ERROR(WalkNode(function.bytes(), has_variables));
    }
    if (function.damaged()) return Damaged("functions");
  }
  return library.damaged() ? Damaged("functions") : Status();
}

Status WalkGraph(std::string_view bytes, bool& has_variables) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) JOEY_RETURN_IF_ERROR(WalkNode(reader.bytes(), has_variables));
    if (reader.field() == 2) JOEY_RETURN_IF_ERROR(WalkLibrary(reader.bytes(), has_variables));
  }
  return reader.damaged() ? Damaged("graph") : Status();
}

Status ReadShape(std::string_view bytes, std::string_view port, std::vector<std::int64_t>& shape) {
  ProtobufReader reader(bytes);
  bool unknown_rank = false;
  while (reader.Next()) {
    if (reader.field() == 3) unknown_rank = reader.number() != 0;
    if (reader.field() != 2) continue;
    std::int64_t size = 0;
    ProtobufReader dimension(reader.bytes());
    while (dimension.Next()) {
      if (dimension.field() == 1 && dimension.wire() == Wire::kVarint) size = dimension.integer();
    }
    if (dimension.damaged()) return Damaged("shapes");
    shape.push_back(std::max<std::int64_t>(size, -1));
    if (shape.size() > limits::kModelDimensionsMax) {
      return InvalidArgument(
          fmt::format("{} has more than {} dimensions", port, limits::kModelDimensionsMax));
    }
  }
  if (unknown_rank) shape = {-1};
  return reader.damaged() ? Damaged("shapes") : Status();
}

// "operation:2" or "operation", which is its output 0.
bool ReadTensorName(std::string_view name, SavedModelPort& port) {
  const std::size_t colon = name.rfind(':');
  port.operation = name.substr(0, colon);
  port.output_index = 0;
  if (colon == std::string_view::npos) return !name.empty();
  const std::string_view digits = name.substr(colon + 1);
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, port.output_index);
  return parsed.ec == std::errc() && parsed.ptr == end && port.output_index >= 0 && colon > 0;
}

Status ReadPort(const Entry& entry, std::string_view kind, SavedModelPort& port) {
  const bool control =
      std::any_of(entry.key.begin(), entry.key.end(), [](char c) { return c >= 0 && c < ' '; });
  if (entry.key.empty() || control ||
      !simdjson::validate_utf8(entry.key.data(), entry.key.size())) {
    return InvalidArgument(fmt::format("an {} of the model has no readable name", kind),
                           "give every input and output of the signature a name in UTF-8");
  }
  port.spec.name = entry.key;
  const std::string title = fmt::format("the {} '{}' of the model", kind, entry.key);
  std::optional<std::string_view> tensor;
  std::uint64_t type = 0;
  std::string_view shape;
  bool composite = false;
  ProtobufReader reader(entry.value);
  while (reader.Next()) {
    if (reader.field() == 1) tensor = reader.bytes();
    if (reader.field() == 2) type = reader.number();
    if (reader.field() == 3) shape = reader.bytes();
    composite |= reader.field() == 4 || reader.field() == 5;
  }
  if (reader.damaged()) return Damaged("signatures");
  if (composite || !tensor) {
    return InvalidArgument(title + " is sparse, ragged or made of several tensors",
                           "export the model with a signature of dense tensors only");
  }
  if (!ReadTensorName(*tensor, port)) {
    return InvalidArgument(title + " names no tensor of the graph", "save the model again");
  }
  const bool known = type < std::size(kDataTypes);
  if (!known || !kDataTypes[type].element) {
    return InvalidArgument(
        fmt::format("{} has the element type {}", title,
                    known ? std::string(kDataTypes[type].name) : std::to_string(type)),
        "supported are float16, bfloat16, float32, float64, int8 to int64, uint8 to uint64, bool "
        "and string");
  }
  port.spec.type = *kDataTypes[type].element;
  return ReadShape(shape, title, port.spec.shape);
}

// Whether a signature is one that TensorFlow adds for itself.
bool IsInternal(std::string_view name) { return name.starts_with("__saved_model_"); }

Result<std::string_view> ChooseSignature(const std::vector<Entry>& signatures) {
  std::vector<const Entry*> candidates;
  std::string names;
  for (const Entry& entry : signatures) {
    if (entry.key == "serving_default") return entry.value;
    if (IsInternal(entry.key)) continue;
    candidates.push_back(&entry);
    if (names.size() < 200) names += (names.empty() ? "" : ", ") + std::string(entry.key);
  }
  if (candidates.size() == 1) return candidates.front()->value;
  return InvalidArgument(candidates.empty()
                             ? "the model has no signature"
                             : "the model has no signature 'serving_default', but: " + names,
                         "save it with model.export(folder) or tf.saved_model.save(model, folder, "
                         "signatures={'serving_default': function})");
}

Status ReadSignature(std::string_view bytes, SavedModel& model) {
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 1 && reader.field() != 2) continue;
    const bool input = reader.field() == 1;
    std::vector<SavedModelPort>& ports = input ? model.inputs : model.outputs;
    const std::string_view kind = input ? "input" : "output";
    if (ports.size() >= limits::kModelIoMax) {
      return InvalidArgument(
          fmt::format("the model has more than {} {}s", limits::kModelIoMax, kind));
    }
    Entry entry;
    if (!ReadEntry(reader.bytes(), entry)) return Damaged("signatures");
    JOEY_RETURN_IF_ERROR(ReadPort(entry, kind, ports.emplace_back()));
  }
  if (reader.damaged()) return Damaged("signatures");
  for (auto* ports : {&model.inputs, &model.outputs}) {
    const std::string_view kind = ports == &model.inputs ? "input" : "output";
    if (ports->empty()) {
      return InvalidArgument(fmt::format("the model's signature has no {}s", kind),
                             fmt::format("a model to deploy needs at least one {}", kind));
    }
    const auto name = [](const SavedModelPort& port) -> const std::string& {
      return port.spec.name;
    };
    std::ranges::sort(*ports, {}, name);
    const auto twice = std::ranges::adjacent_find(*ports, {}, name);
    if (twice != ports->end()) {
      return InvalidArgument(fmt::format("the model has two {}s named '{}'", kind, name(*twice)));
    }
  }
  return {};
}

std::vector<ModelField> Fields(const std::vector<SavedModelPort>& ports) {
  std::vector<ModelField> out;
  for (const SavedModelPort& port : ports) {
    out.push_back({port.spec.name, std::string(ElementTypeName(port.spec.type)), port.spec.shape});
  }
  return out;
}

}  // namespace

ModelSignature SavedModel::Signature() const {
  ModelSignature out;
  out.inputs = Fields(inputs);
  out.outputs = Fields(outputs);
  return out;
}

Result<SavedModel> InspectSavedModel(std::string_view file) {
  std::optional<MetaGraph> serving;
  ProtobufReader reader(file);
  while (reader.Next()) {
    if (reader.field() != 2 || reader.wire() != Wire::kBytes) continue;
    MetaGraph graph;
    JOEY_RETURN_IF_ERROR(ReadMetaGraph(reader.bytes(), graph));
    if (!serving && graph.Serves()) serving = std::move(graph);
  }
  if (reader.damaged()) return Damaged("header");
  if (!serving) {
    return InvalidArgument("the model has no graph with the tag 'serve'",
                           "save it with model.export or tf.saved_model.save");
  }
  SavedModel out;
  bool has_variables = false;
  JOEY_RETURN_IF_ERROR(WalkGraph(serving->graph, has_variables));
  out.needs_variables = has_variables && serving->restores;
  JOEY_ASSIGN_OR_RETURN(const std::string_view signature, ChooseSignature(serving->signatures));
  JOEY_RETURN_IF_ERROR(ReadSignature(signature, out));
  out.tags = std::move(serving->tags);
  return out;
}

}  // namespace joey
