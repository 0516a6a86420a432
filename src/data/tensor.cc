#include "data/tensor.h"

#include <arrow/type.h>
#include <arrow/util/float16.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "data/schema_cache.h"

namespace joey {

namespace {

// Storage for converted values, 64-byte aligned.
std::shared_ptr<char> Allocate(std::size_t bytes) {
  auto* raw = static_cast<char*>(::operator new (bytes + 64, std::align_val_t{64}));
  return {raw, [](char* p) { ::operator delete (p, std::align_val_t{64}); }};
}

std::uint16_t FloatToBFloat16(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  bits += 0x7fff + ((bits >> 16) & 1);  // to nearest even
  return static_cast<std::uint16_t>(bits >> 16);
}

float BFloat16ToFloat(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

// Calls f with a value of the C++ type behind a numeric Arrow type; false for other types.
template <typename F>
bool VisitNumeric(arrow::Type::type type, F&& f) {
  switch (type) {
    case arrow::Type::INT8:
      f(std::int8_t{});
      return true;
    case arrow::Type::INT16:
      f(std::int16_t{});
      return true;
    case arrow::Type::INT32:
      f(std::int32_t{});
      return true;
    case arrow::Type::INT64:
      f(std::int64_t{});
      return true;
    case arrow::Type::UINT8:
      f(std::uint8_t{});
      return true;
    case arrow::Type::UINT16:
      f(std::uint16_t{});
      return true;
    case arrow::Type::UINT32:
      f(std::uint32_t{});
      return true;
    case arrow::Type::UINT64:
      f(std::uint64_t{});
      return true;
    case arrow::Type::FLOAT:
      f(float{});
      return true;
    case arrow::Type::DOUBLE:
      f(double{});
      return true;
    default:
      return false;
  }
}

template <typename To, typename From>
bool Fits(From value) {
  if constexpr (std::is_floating_point_v<To>) {
    return true;
  } else {
    return std::in_range<To>(value);
  }
}

class Binder {
 public:
  Binder(const arrow::Array& column, const TensorSpec& input) : column_(column), input_(input) {}

  Result<Tensor> Bind() {
    tensor_.type = input_.type;
    dims_.push_back(column_.length());
    JOEY_RETURN_IF_ERROR(Descend(*column_.data(), column_.offset(), column_.length()));
    JOEY_RETURN_IF_ERROR(SetShape());
    JOEY_RETURN_IF_ERROR(SetValues());
    return std::move(tensor_);
  }

 private:
  Status Problem(std::string what, std::string hint) const {
    return InvalidArgument("column '" + input_.name + "': " + std::move(what), std::move(hint));
  }
  std::string Expected() const {
    return "the model expects " + std::string(ElementTypeName(input_.type)) + " values of shape " +
           ShapeText(std::span(input_.shape).subspan(input_.shape.empty() ? 0 : 1)) +
           " in each row";
  }

  // Goes down the list levels, which must be of equal length in every row, to the values.
  Status Descend(const arrow::ArrayData& data, std::int64_t offset, std::int64_t length) {
    if (data.GetNullCount() != 0) {
      return Problem("null is not accepted",
                     "give a value in every place; fill missing values first");
    }
    switch (data.type->id()) {
      case arrow::Type::LIST:
        return DescendList<std::int32_t>(data, offset, length);
      case arrow::Type::LARGE_LIST:
        return DescendList<std::int64_t>(data, offset, length);
      case arrow::Type::FIXED_SIZE_LIST: {
        std::int64_t width = static_cast<const arrow::FixedSizeListType&>(*data.type).list_size();
        dims_.push_back(width);
        const arrow::ArrayData& child = *data.child_data[0];
        return Descend(child, child.offset + offset * width, length * width);
      }
      case arrow::Type::EXTENSION:
        return Problem("Arrow extension types are not accepted", Expected());
      default:
        break;
    }
    leaves_ = &data;
    leaf_offset_ = offset;
    leaf_count_ = length;
    return {};
  }

  template <typename Offset>
  Status DescendList(const arrow::ArrayData& data, std::int64_t offset, std::int64_t length) {
    const Offset* offsets = data.GetValues<Offset>(1, offset);
    std::int64_t width = length == 0 ? 0 : offsets[1] - offsets[0];
    for (std::int64_t i = 1; i < length; ++i) {
      if (offsets[i + 1] - offsets[i] != width) {
        std::int64_t lists_per_row =
            std::max<std::int64_t>(1, length / std::max<std::int64_t>(1, dims_[0]));
        return Problem("row " + std::to_string(i / lists_per_row) + " has a list of " +
                           std::to_string(offsets[i + 1] - offsets[i]) + " values, row 0 of " +
                           std::to_string(width),
                       "ragged tensors are not supported; " + Expected());
      }
    }
    dims_.push_back(width);
    const arrow::ArrayData& child = *data.child_data[0];
    std::int64_t first = length == 0 ? 0 : static_cast<std::int64_t>(offsets[0]);
    return Descend(child, child.offset + first, length * width);
  }

  // The model's shape filled with what the column has.
  Status SetShape() {
    std::int64_t rows = dims_[0];
    std::span<const std::int64_t> got = std::span(dims_).subspan(1);
    std::span<const std::int64_t> want = input_.shape;
    if (!want.empty()) want = want.subspan(1);
    tensor_.shape.assign(1, rows);
    bool same = got.size() == want.size();
    for (std::size_t i = 0; same && i < want.size(); ++i) {
      same = want[i] < 0 || want[i] == got[i];
    }
    if (same) {
      tensor_.shape.insert(tensor_.shape.end(), got.begin(), got.end());
      return {};
    }
    // Another nesting with as many values, for example an image sent flat.
    std::int64_t per_row = 1;
    for (std::int64_t d : got) per_row *= d;  // bounded by the column's own length
    std::int64_t known = 1;
    int unknown = 0;
    for (std::int64_t d : want) {
      if (d < 0) {
        ++unknown;
      } else if (d != 0 && known > std::numeric_limits<std::int64_t>::max() / d) {
        return Problem("the model's input shape is too large", Expected());
      } else {
        known *= d;
      }
    }
    bool flat = got.size() <= 1;
    bool fits = flat && ((unknown == 0 && known == per_row) ||
                         (unknown == 1 && known > 0 && per_row % known == 0));
    if (!fits) {
      return Problem("each row has values of shape " + ShapeText(got), Expected());
    }
    for (std::int64_t d : want) tensor_.shape.push_back(d < 0 ? per_row / known : d);
    return {};
  }

  Status SetValues() {
    arrow::Type::type have = leaves_->type->id();
    if (input_.type == ElementType::kString) return SetStrings(have);
    if (input_.type == ElementType::kBool) return SetBools(have);
    if (have == ArrowElementType(input_.type)->id() && input_.type != ElementType::kBFloat16) {
      return Borrow();
    }
    switch (input_.type) {
      case ElementType::kFloat16:
        return Convert<std::uint16_t>(
            [](auto value) { return arrow::util::Float16(static_cast<float>(value)).bits(); });
      case ElementType::kBFloat16:
        return Convert<std::uint16_t>(
            [](auto value) { return FloatToBFloat16(static_cast<float>(value)); });
      case ElementType::kFloat32:
        return Cast<float>();
      case ElementType::kFloat64:
        return Cast<double>();
      case ElementType::kInt8:
        return Cast<std::int8_t>();
      case ElementType::kInt16:
        return Cast<std::int16_t>();
      case ElementType::kInt32:
        return Cast<std::int32_t>();
      case ElementType::kInt64:
        return Cast<std::int64_t>();
      case ElementType::kUInt8:
        return Cast<std::uint8_t>();
      case ElementType::kUInt16:
        return Cast<std::uint16_t>();
      case ElementType::kUInt32:
        return Cast<std::uint32_t>();
      case ElementType::kUInt64:
        return Cast<std::uint64_t>();
      case ElementType::kBool:
      case ElementType::kString:
        break;
    }
    return WrongType();
  }

  Status WrongType() const {
    return Problem("its values are of type " + leaves_->type->ToString(), Expected());
  }

  Status Borrow() {
    std::size_t size = ElementSize(input_.type);
    const std::shared_ptr<arrow::Buffer>& buffer = leaves_->buffers[1];
    const std::uint8_t* data =
        buffer ? buffer->data() + static_cast<std::size_t>(leaf_offset_) * size : nullptr;
    if (reinterpret_cast<std::uintptr_t>(data) % size == 0) {
      tensor_.owner = buffer;
      tensor_.data = data;
      return {};
    }
    std::size_t bytes = static_cast<std::size_t>(leaf_count_) * size;
    std::shared_ptr<char> copy = Allocate(bytes);
    std::memcpy(copy.get(), data, bytes);
    tensor_.data = copy.get();
    tensor_.owner = std::move(copy);
    return {};
  }

  template <typename To, typename F>
  Status Convert(F&& convert) {
    std::shared_ptr<char> storage = Allocate(static_cast<std::size_t>(leaf_count_) * sizeof(To));
    auto* to = reinterpret_cast<To*>(storage.get());
    bool numeric = VisitNumeric(leaves_->type->id(), [&](auto example) {
      using From = decltype(example);
      const From* from = leaves_->GetValues<From>(1, leaf_offset_);
      for (std::int64_t i = 0; i < leaf_count_; ++i) to[i] = convert(from[i]);
    });
    if (!numeric) return WrongType();
    tensor_.data = storage.get();
    tensor_.owner = std::move(storage);
    return {};
  }

  template <typename To>
  Status Cast() {
    Status status;
    std::shared_ptr<char> storage = Allocate(static_cast<std::size_t>(leaf_count_) * sizeof(To));
    auto* to = reinterpret_cast<To*>(storage.get());
    bool numeric = VisitNumeric(leaves_->type->id(), [&](auto example) {
      using From = decltype(example);
      const From* from = leaves_->GetValues<From>(1, leaf_offset_);
      if constexpr (std::is_floating_point_v<To>) {
        for (std::int64_t i = 0; i < leaf_count_; ++i) to[i] = static_cast<To>(from[i]);
      } else if constexpr (std::is_floating_point_v<From>) {
        status = WrongType();
      } else {
        for (std::int64_t i = 0; i < leaf_count_; ++i) {
          if (!Fits<To>(from[i])) {
            status = Problem("the value " + std::to_string(from[i]) + " does not fit", Expected());
            return;
          }
          to[i] = static_cast<To>(from[i]);
        }
      }
    });
    if (!numeric) return WrongType();
    JOEY_RETURN_IF_ERROR(status);
    tensor_.data = storage.get();
    tensor_.owner = std::move(storage);
    return {};
  }

  Status SetBools(arrow::Type::type have) {
    if (have != arrow::Type::BOOL) return WrongType();
    std::shared_ptr<char> storage = Allocate(static_cast<std::size_t>(leaf_count_));
    const std::uint8_t* bits = leaves_->buffers[1] ? leaves_->buffers[1]->data() : nullptr;
    for (std::int64_t i = 0; i < leaf_count_; ++i) {
      std::int64_t at = leaf_offset_ + i;
      storage.get()[i] = static_cast<char>((bits[at / 8] >> (at % 8)) & 1);
    }
    tensor_.data = storage.get();
    tensor_.owner = std::move(storage);
    return {};
  }

  template <typename Offset>
  void CopyStrings() {
    const Offset* offsets = leaves_->GetValues<Offset>(1, leaf_offset_);
    const char* characters =
        leaves_->buffers[2] ? reinterpret_cast<const char*>(leaves_->buffers[2]->data()) : "";
    tensor_.strings.reserve(static_cast<std::size_t>(leaf_count_));
    for (std::int64_t i = 0; i < leaf_count_; ++i) {
      tensor_.strings.emplace_back(characters + offsets[i],
                                   static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
    }
  }

  Status SetStrings(arrow::Type::type have) {
    if (have == arrow::Type::STRING) {
      CopyStrings<std::int32_t>();
    } else if (have == arrow::Type::LARGE_STRING) {
      CopyStrings<std::int64_t>();
    } else {
      return WrongType();
    }
    return {};
  }

  const arrow::Array& column_;
  const TensorSpec& input_;
  Tensor tensor_;
  std::vector<std::int64_t> dims_;  // rows, then the length of each list level
  const arrow::ArrayData* leaves_ = nullptr;
  std::int64_t leaf_offset_ = 0;
  std::int64_t leaf_count_ = 0;
};

// An Arrow buffer over memory that something else owns.
class BorrowedBuffer final : public arrow::Buffer {
 public:
  BorrowedBuffer(std::shared_ptr<const void> owner, const void* data, std::int64_t bytes)
      : arrow::Buffer(static_cast<const std::uint8_t*>(data), bytes), owner_(std::move(owner)) {}

 private:
  std::shared_ptr<const void> owner_;
};

}  // namespace

std::shared_ptr<arrow::Array> TensorValues(Tensor& tensor) {
  std::int64_t count = tensor.ElementCount();
  const auto make = [&](const std::shared_ptr<arrow::DataType>& type,
                        std::shared_ptr<arrow::Buffer> buffer) {
    return arrow::MakeArray(arrow::ArrayData::Make(type, count, {nullptr, std::move(buffer)}, 0));
  };
  switch (tensor.type) {
    case ElementType::kString: {
      std::vector<std::int32_t> ends{0};
      std::string characters;
      for (const std::string& text : tensor.strings) {
        characters += text;
        ends.push_back(static_cast<std::int32_t>(characters.size()));
      }
      return std::make_shared<arrow::StringArray>(count, arrow::Buffer::FromVector(std::move(ends)),
                                                  arrow::Buffer::FromString(std::move(characters)));
    }
    case ElementType::kBool: {
      std::vector<std::uint8_t> bits(static_cast<std::size_t>((count + 7) / 8), 0);
      const auto* bytes = static_cast<const std::uint8_t*>(tensor.data);
      for (std::int64_t i = 0; i < count; ++i) {
        if (bytes[i]) bits[i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
      }
      return make(arrow::boolean(), arrow::Buffer::FromVector(std::move(bits)));
    }
    case ElementType::kBFloat16: {
      std::vector<float> values(static_cast<std::size_t>(count));
      const auto* from = static_cast<const std::uint16_t*>(tensor.data);
      for (std::int64_t i = 0; i < count; ++i) values[i] = BFloat16ToFloat(from[i]);
      return make(arrow::float32(), arrow::Buffer::FromVector(std::move(values)));
    }
    default:
      break;
  }
  auto bytes = count * static_cast<std::int64_t>(ElementSize(tensor.type));
  return make(ArrowElementType(tensor.type),
              std::make_shared<BorrowedBuffer>(std::move(tensor.owner), tensor.data, bytes));
}

std::int64_t Tensor::ElementCount() const {
  std::int64_t count = 1;
  for (std::int64_t d : shape) count *= d;
  return count;
}

std::string ShapeText(std::span<const std::int64_t> shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return out + "]";
}

Result<Tensor> ColumnToTensor(const arrow::Array& column, const TensorSpec& input) {
  return Binder(column, input).Bind();
}

Result<std::shared_ptr<arrow::Array>> TensorToColumn(Tensor tensor, std::int64_t rows,
                                                     const std::string& name) {
  std::vector<std::int64_t> shape = tensor.shape;
  if (shape.empty() || shape[0] != rows) {
    if (rows != 1) {
      return FailedPrecondition(
          "the model's output '" + name + "' has shape " + ShapeText(shape) + " for " +
              std::to_string(rows) + " input rows",
          "a model must give one output row for each input row; configure it with "
          "batch_config=\"single\" and send one row per request");
    }
    shape.insert(shape.begin(), 1);
  }
  return NestInLists(TensorValues(tensor), shape, ListFlavor::kInner, name);
}

Result<std::shared_ptr<arrow::Array>> NestInLists(std::shared_ptr<arrow::Array> values,
                                                  std::span<const std::int64_t> shape,
                                                  ListFlavor flavor, const std::string& name) {
  for (std::size_t level = shape.size() - 1; level > 0; --level) {
    std::int64_t lists = 1;
    for (std::size_t i = 0; i < level; ++i) lists *= shape[i];
    if (lists * shape[level] > std::numeric_limits<std::int32_t>::max()) {
      return ResourceExhausted("'" + name + "' has more than 2^31 values",
                               "send fewer rows per request");
    }
    std::vector<std::int32_t> offsets(static_cast<std::size_t>(lists) + 1);
    for (std::int64_t i = 0; i <= lists; ++i) {
      offsets[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i * shape[level]);
    }
    values = std::make_shared<arrow::ListArray>(ListOf(values->type(), flavor), lists,
                                                arrow::Buffer::FromVector(std::move(offsets)),
                                                std::move(values));
  }
  return values;
}

}  // namespace joey
