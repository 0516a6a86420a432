#include "engine/oip_codec.h"

#include <arrow/buffer.h>
#include <arrow/type.h>
#include <simdjson.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_set>

#include "base/limits.h"
#include "data/json_print.h"
#include "data/schema_cache.h"
#include "data/tensor.h"
#include "http/body.h"

namespace joey::engine {

static_assert(std::endian::native == std::endian::little, "OIP's bytes are little-endian");

namespace {

// In the order of ElementType.
constexpr std::array<std::string_view, 14> kDatatypes = {
    "FP16",  "BF16",  "FP32",   "FP64",   "INT8",   "INT16", "INT32",
    "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "BOOL",  "BYTES"};

Status WrongSize(const OipTensor& tensor, std::size_t expected) {
  return OipProblem(tensor.name,
                    "shape " + ShapeText(tensor.shape) + " of " + tensor.datatype + " takes " +
                        std::to_string(expected) + " bytes, there are " +
                        std::to_string(tensor.bytes.size()),
                    "send exactly the elements of the shape, without padding");
}

Status CheckBools(const OipTensor& tensor) {
  for (char c : tensor.bytes) {
    if (c != 0 && c != 1) {
      return OipProblem(tensor.name, "a BOOL element is " + std::to_string(int{c}),
                        "send one byte for each, 0 or 1");
    }
  }
  return {};
}

Result<std::shared_ptr<arrow::Array>> NumberValues(OipTensor& tensor, ElementType type,
                                                   std::int64_t count) {
  const std::size_t size = ElementSize(type);
  if (tensor.bytes.size() != static_cast<std::size_t>(count) * size) {
    return WrongSize(tensor, static_cast<std::size_t>(count) * size);
  }
  if (type == ElementType::kBool) JOEY_RETURN_IF_ERROR(CheckBools(tensor));
  Tensor values;
  values.type = type;
  values.shape = {count};
  if (reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % size == 0) {
    values.data = tensor.bytes.data();
    values.owner = std::move(tensor.owner);
  } else {
    http::Body aligned(tensor.bytes);
    values.data = aligned.data();
    values.owner = aligned.owner();
  }
  return TensorValues(values);
}

Result<std::shared_ptr<arrow::Array>> TextValues(const OipTensor& tensor, std::int64_t count) {
  const auto broken = [&] {
    return OipProblem(
        tensor.name,
        "its bytes are not " + std::to_string(count) + " BYTES elements, as its shape says",
        "send for each its length in four bytes, little-endian, and then its bytes");
  };
  std::string_view rest = tensor.bytes;
  if (rest.size() / 4 < static_cast<std::size_t>(count)) return broken();
  std::vector<std::int32_t> ends;
  ends.reserve(static_cast<std::size_t>(count) + 1);
  ends.push_back(0);
  std::string characters;
  characters.reserve(rest.size() - static_cast<std::size_t>(count) * 4);
  bool whole = true;  // no character is split between two elements
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint32_t length;
    if (rest.size() < sizeof length) return broken();
    std::memcpy(&length, rest.data(), sizeof length);
    rest.remove_prefix(sizeof length);
    if (rest.size() < length) return broken();
    if (characters.size() + length > std::numeric_limits<std::int32_t>::max()) {
      return OipProblem(tensor.name, "more than 2 GiB of text", "send fewer rows at once");
    }
    if (length > 0) whole = whole && (static_cast<unsigned char>(rest[0]) & 0xC0) != 0x80;
    characters.append(rest.substr(0, length));
    ends.push_back(static_cast<std::int32_t>(characters.size()));
    rest.remove_prefix(length);
  }
  if (!rest.empty()) return broken();
  if (!whole || !simdjson::validate_utf8(characters.data(), characters.size())) {
    return OipProblem(tensor.name, "a BYTES element is not UTF-8 text",
                      "encode binary data as text first, for example in base64");
  }
  return std::shared_ptr<arrow::Array>(
      std::make_shared<arrow::StringArray>(count, arrow::Buffer::FromVector(std::move(ends)),
                                           arrow::Buffer::FromString(std::move(characters))));
}

// Dimensions of one cost nothing on the wire, but memory as lists.
Status CheckLists(const OipTensor& tensor) {
  constexpr std::size_t kFree = 4096;
  std::size_t lists = 0;
  std::size_t outer = 1;
  for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
    outer *= static_cast<std::size_t>(tensor.shape[i]);
    lists += outer;
  }
  if (lists <= kFree + tensor.bytes.size()) return {};
  return OipProblem(tensor.name, "shape " + ShapeText(tensor.shape) + " has more lists than bytes",
                    "leave out inner dimensions of 1; rows may be flat");
}

Result<std::shared_ptr<arrow::Array>> ToColumn(OipTensor& tensor) {
  JOEY_ASSIGN_OR_RETURN(ElementType type, ParseOipDatatype(tensor.datatype, tensor.name));
  JOEY_ASSIGN_OR_RETURN(std::int64_t count, OipElementCount(tensor.shape, tensor.name));
  JOEY_RETURN_IF_ERROR(CheckLists(tensor));
  std::shared_ptr<arrow::Array> values;
  if (type == ElementType::kString) {
    JOEY_ASSIGN_OR_RETURN(values, TextValues(tensor, count));
  } else {
    JOEY_ASSIGN_OR_RETURN(values, NumberValues(tensor, type, count));
  }
  return NestInLists(std::move(values), tensor.shape, ListFlavor::kItem, tensor.name);
}

Status NoTensor(const std::string& name, std::string what) {
  return FailedPrecondition("the output '" + name + "' is no tensor: " + std::move(what),
                            "ask for other outputs by name, or use the pipeline's own inference "
                            "URL, which answers tables");
}

// Goes down one list level of [offset, offset + length), whose lists must be equally long.
template <typename Offset>
Status Descend(const arrow::ArrayData& data, OipColumn& column) {
  const Offset* offsets = data.GetValues<Offset>(1, column.offset);
  const std::int64_t width = column.count == 0 ? 0 : offsets[1] - offsets[0];
  for (std::int64_t i = 1; i < column.count; ++i) {
    if (offsets[i + 1] - offsets[i] != width) {
      return NoTensor(column.name, "its lists differ in length");
    }
  }
  column.offset = (column.count == 0 ? 0 : offsets[0]) + data.child_data[0]->offset;
  column.count *= width;
  column.shape.push_back(width);
  return {};
}

template <typename Offset>
void AppendTexts(std::string& out, const OipColumn& column) {
  const Offset* offsets = column.values->GetValues<Offset>(1, column.offset);
  const char* characters = column.values->buffers[2] == nullptr
                               ? ""
                               : reinterpret_cast<const char*>(column.values->buffers[2]->data());
  for (std::int64_t i = 0; i < column.count; ++i) {
    const auto length = static_cast<std::uint32_t>(offsets[i + 1] - offsets[i]);
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out.append(characters + offsets[i], length);
  }
}

}  // namespace

Status OipProblem(std::string_view tensor, std::string what, std::string hint) {
  return InvalidArgument("tensor '" + std::string(tensor) + "': " + std::move(what),
                         std::move(hint));
}

std::string_view OipDatatype(ElementType type) {
  return kDatatypes[static_cast<std::size_t>(type)];
}

Result<ElementType> ParseOipDatatype(std::string_view datatype, std::string_view tensor) {
  for (std::size_t i = 0; i < kDatatypes.size(); ++i) {
    if (kDatatypes[i] == datatype) return static_cast<ElementType>(i);
  }
  return OipProblem(tensor, "there is no datatype '" + std::string(datatype.substr(0, 40)) + "'",
                    "use BOOL, INT8 to INT64, UINT8 to UINT64, FP16, BF16, FP32, FP64 or BYTES");
}

Result<std::int64_t> OipElementCount(const std::vector<std::int64_t>& shape,
                                     std::string_view tensor) {
  if (shape.empty()) {
    return OipProblem(tensor, "its shape has no dimension",
                      "the first dimension is the number of rows: use [1] for one value");
  }
  if (shape.size() > limits::kOipDimensionsMax) {
    return OipProblem(
        tensor,
        "its shape has more than " + std::to_string(limits::kOipDimensionsMax) + " dimensions",
        "flatten the inner dimensions");
  }
  std::int64_t count = 1;
  for (std::int64_t dimension : shape) {
    if (dimension < 0) {
      return OipProblem(tensor, "the dimension " + std::to_string(dimension) + " is negative",
                        "give the sizes that the data has");
    }
    if (__builtin_mul_overflow(count, dimension, &count) ||
        count > std::numeric_limits<std::int32_t>::max()) {
      return OipProblem(tensor, "shape " + ShapeText(shape) + " has more than 2^31 elements",
                        "send fewer rows at once");
    }
  }
  if (shape[0] == 0) return OipProblem(tensor, "it has no rows", "send at least one row");
  if (count == 0) {
    return OipProblem(tensor, "shape " + ShapeText(shape) + " has no elements",
                      "every dimension must be at least 1");
  }
  if (shape[0] > limits::kRowsMax) {
    return OipProblem(tensor, "more than " + std::to_string(limits::kRowsMax) + " rows",
                      "send them in several requests");
  }
  return count;
}

Result<std::shared_ptr<arrow::RecordBatch>> OipToBatch(std::vector<OipTensor> tensors) {
  if (tensors.empty()) {
    return InvalidArgument("the request has no inputs",
                           "send one tensor for each input of the model");
  }
  if (tensors.size() > limits::kColumnsMax) {
    return InvalidArgument("more than " + std::to_string(limits::kColumnsMax) + " inputs",
                           "put the values of one tensor into one input");
  }
  std::unordered_set<std::string_view> names;
  arrow::ArrayVector columns;
  columns.reserve(tensors.size());
  for (OipTensor& tensor : tensors) {
    if (tensor.name.empty()) {
      return InvalidArgument("an input has no name", "name every input as the model does");
    }
    if (tensors.size() > 1 && !names.insert(tensor.name).second) {
      return OipProblem(tensor.name, "it is given twice", "give every input a name of its own");
    }
    JOEY_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Array> column, ToColumn(tensor));
    columns.push_back(std::move(column));
    const std::int64_t rows = tensors.front().shape[0];
    if (tensor.shape[0] != rows) {
      return OipProblem(tensor.name,
                        "it has " + std::to_string(tensor.shape[0]) + " rows, '" +
                            tensors.front().name + "' has " + std::to_string(rows),
                        "the first dimension of every input is the number of rows");
    }
  }
  thread_local SchemaCache cache;
  auto schema =
      cache.Get(columns, [&](std::size_t i) -> const std::string& { return tensors[i].name; });
  return arrow::RecordBatch::Make(std::move(schema), tensors.front().shape[0], std::move(columns));
}

Result<OipColumn> OipFromColumn(std::string name, const arrow::Array& column) {
  OipColumn out;
  out.name = std::move(name);
  out.values = column.data();
  out.offset = column.offset();
  out.count = column.length();
  out.shape.push_back(out.count);
  for (;;) {
    const arrow::ArrayData& data = *out.values;
    if (data.GetNullCount() != 0) return NoTensor(out.name, "it has missing values");
    switch (data.type->id()) {
      case arrow::Type::LIST:
        JOEY_RETURN_IF_ERROR(Descend<std::int32_t>(data, out));
        break;
      case arrow::Type::LARGE_LIST:
        JOEY_RETURN_IF_ERROR(Descend<std::int64_t>(data, out));
        break;
      case arrow::Type::FIXED_SIZE_LIST: {
        const std::int64_t width =
            static_cast<const arrow::FixedSizeListType&>(*data.type).list_size();
        out.offset = data.child_data[0]->offset + out.offset * width;
        out.count *= width;
        out.shape.push_back(width);
        break;
      }
      default: {
        const std::optional<ElementType> type = ElementTypeOf(*data.type);
        if (!type) return NoTensor(out.name, "its values are of type " + data.type->ToString());
        out.type = *type;
        return out;
      }
    }
    out.values = out.values->child_data[0];
  }
}

OipTensor OipToTensor(OipColumn column) {
  OipTensor out;
  out.datatype = OipDatatype(column.type);
  std::shared_ptr<std::string> text;
  if (column.type == ElementType::kString) {
    text = std::make_shared<std::string>();
    if (column.values->type->id() == arrow::Type::STRING) {
      AppendTexts<std::int32_t>(*text, column);
    } else {
      AppendTexts<std::int64_t>(*text, column);
    }
  } else if (column.type == ElementType::kBool) {
    text = std::make_shared<std::string>(static_cast<std::size_t>(column.count), '\0');
    for (std::int64_t i = 0; i < column.count; ++i) {
      const std::int64_t at = column.offset + i;
      (*text)[static_cast<std::size_t>(i)] =
          static_cast<char>((column.values->buffers[1]->data()[at / 8] >> (at % 8)) & 1);
    }
  }
  if (text != nullptr) {
    out.bytes = *text;
    out.owner = std::move(text);
  } else if (column.count > 0) {
    const std::size_t size = ElementSize(column.type);
    out.bytes = {reinterpret_cast<const char*>(column.values->buffers[1]->data()) +
                     static_cast<std::size_t>(column.offset) * size,
                 static_cast<std::size_t>(column.count) * size};
    out.owner = std::move(column.values);
  }
  out.name = std::move(column.name);
  out.shape = std::move(column.shape);
  return out;
}

void AppendOipJson(std::string& out, const OipColumn& column) {
  const std::int64_t begin = column.offset - column.values->offset;
  AppendJsonList(out, *column.values, begin, begin + column.count);
}

}  // namespace joey::engine
