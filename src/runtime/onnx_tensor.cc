#include "runtime/onnx_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "runtime/protobuf_reader.h"

namespace joey {
namespace {

using Wire = ProtobufReader::Wire;

// By TensorProto.DataType.
constexpr std::array<OnnxElementInfo, 29> kElements = {{
    {"undefined", 0, false},      {"float32", 32, true},
    {"uint8", 8, true},           {"int8", 8, true},
    {"uint16", 16, true},         {"int16", 16, true},
    {"int32", 32, true},          {"int64", 64, true},
    {"string", 0, true},          {"bool", 8, true},
    {"float16", 16, true},        {"float64", 64, true},
    {"uint32", 32, true},         {"uint64", 64, true},
    {"complex64", 64, false},     {"complex128", 128, false},
    {"bfloat16", 16, true},       {"float8e4m3fn", 8, false},
    {"float8e4m3fnuz", 8, false}, {"float8e5m2", 8, false},
    {"float8e5m2fnuz", 8, false}, {"uint4", 4, false},
    {"int4", 4, false},           {"float4e2m1", 4, false},
    {"float8e8m0", 8, false},     {"uint2", 2, false},
    {"int2", 2, false},           {"float6e2m3", 6, false},
    {"float6e3m2", 6, false},
}};
constexpr std::uint64_t kStringType = 8;

// Elements of a tensor of these dimensions, nullopt when negative or beyond 63 bits.
std::optional<std::uint64_t> ElementCount(const std::vector<std::int64_t>& dimensions) {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : dimensions) {
    if (dimension < 0) return std::nullopt;
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(dimension), &count) ||
        count > std::uint64_t{1} << 56) {
      return std::nullopt;
    }
  }
  return count;
}

}  // namespace

Status NotOnnx(std::string why) {
  return InvalidArgument("the file is not an ONNX model: " + std::move(why),
                         "upload the file that torch.onnx.export, skl2onnx, tf2onnx or onnx.save "
                         "wrote, with all weights inside");
}

Status OnnxDamaged(std::string_view part) {
  return NotOnnx(fmt::format("it is damaged or cut off inside its {}", part));
}

const OnnxElementInfo* FindOnnxElement(std::uint64_t type) {
  return type < kElements.size() ? &kElements[type] : nullptr;
}

Status ReadOnnxTensor(std::string_view bytes, OnnxTensor& tensor) {
  std::optional<std::string_view> raw;
  std::uint64_t typed_bytes = 0;
  std::uint64_t texts = 0;
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1: {
        if (reader.wire() == Wire::kVarint) tensor.dimensions.push_back(reader.integer());
        std::string_view packed = reader.bytes();
        while (!packed.empty()) {
          std::uint64_t value = 0;
          if (!ProtobufReader::TakeVarint(packed, value)) return OnnxDamaged("tensor");
          tensor.dimensions.push_back(static_cast<std::int64_t>(value));
          if (tensor.dimensions.size() > limits::kModelDimensionsMax) break;
        }
        if (tensor.dimensions.size() > limits::kModelDimensionsMax) {
          return InvalidArgument(fmt::format("a tensor of the model has more than {} dimensions",
                                             limits::kModelDimensionsMax));
        }
        break;
      }
      case 2:
        tensor.type = reader.number();
        break;
      case 6:
        ++texts;
        break;
      case 8:
        tensor.name = reader.bytes();
        break;
      case 9:
        raw = reader.bytes();
        break;
      case 4:
      case 5:
      case 7:
      case 10:
      case 11:
        // A value that is not packed is at least one byte.
        typed_bytes += reader.wire() == Wire::kBytes ? reader.bytes().size() : 8;
        break;
      case 13:
      case 14:
        if (reader.field() == 13 || reader.number() != 0) {
          return InvalidArgument(
              fmt::format("the model keeps its tensor '{}' in another file (external data)",
                          tensor.name.substr(0, 200)),
              "save the model as one file: onnx.save(onnx.load(path), 'whole.onnx', "
              "save_as_external_data=False)");
        }
        break;
      default:
        break;
    }
  }
  if (reader.damaged()) return OnnxDamaged("tensors");
  if (tensor.type == 0 && !raw && typed_bytes == 0 && texts == 0) return {};

  const auto wrong = [&](std::string_view why) {
    return InvalidArgument(
        fmt::format("the tensor '{}' of the model {}", tensor.name.substr(0, 200), why),
        "the file is damaged or was cut off: export the model again");
  };
  if (tensor.type == 0 || tensor.type >= kElements.size()) {
    return wrong(fmt::format("has the unknown element type {}", tensor.type));
  }
  const std::optional<std::uint64_t> count = ElementCount(tensor.dimensions);
  if (!count) return wrong("has impossible dimensions");
  const auto bits = static_cast<std::uint64_t>(kElements[tensor.type].bits);
  if (tensor.type == kStringType) {
    if (*count != texts) {
      return wrong(fmt::format("claims {} texts and holds {}", *count, texts));
    }
    return {};
  }
  const std::uint64_t claimed = (*count * bits + 7) / 8;
  if (raw) {
    if (claimed != raw->size()) {
      return wrong(fmt::format("claims {} bytes and holds {}", claimed, raw->size()));
    }
    return {};
  }
  // Packed integers take at least one byte each; types below one byte share an integer.
  if (*count > typed_bytes * std::max<std::uint64_t>(1, 8 / bits)) {
    return wrong(fmt::format("claims {} elements and holds {} bytes", *count, typed_bytes));
  }
  return {};
}

Status ReadOnnxSparseTensor(std::string_view bytes, OnnxTensor& values) {
  OnnxTensor dense;
  OnnxTensor indices;
  ProtobufReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) JOEY_RETURN_IF_ERROR(ReadOnnxTensor(reader.bytes(), values));
    if (reader.field() == 2) JOEY_RETURN_IF_ERROR(ReadOnnxTensor(reader.bytes(), indices));
    if (reader.field() != 3) continue;
    if (reader.wire() == Wire::kVarint) dense.dimensions.push_back(reader.integer());
    std::string_view packed = reader.bytes();
    for (std::uint64_t value = 0; !packed.empty();) {
      if (!ProtobufReader::TakeVarint(packed, value)) return OnnxDamaged("sparse tensor");
      dense.dimensions.push_back(static_cast<std::int64_t>(value));
      if (dense.dimensions.size() > limits::kModelDimensionsMax) break;
    }
    if (dense.dimensions.size() > limits::kModelDimensionsMax) return OnnxDamaged("sparse tensor");
  }
  if (reader.damaged()) return OnnxDamaged("sparse tensors");
  const std::optional<std::uint64_t> count = ElementCount(dense.dimensions);
  const int bits = values.type < kElements.size() ? kElements[values.type].bits : 0;
  if (!count ||
      *count > static_cast<std::uint64_t>(limits::kOnnxSparseBytesMax) * 8 / std::max(1, bits)) {
    return InvalidArgument(
        fmt::format("the sparse tensor '{}' of the model would take more than {} MiB",
                    values.name.substr(0, 200), limits::kOnnxSparseBytesMax >> 20),
        "make the model smaller");
  }
  return {};
}

}  // namespace joey
