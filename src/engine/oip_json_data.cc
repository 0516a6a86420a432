#include "engine/oip_json_data.h"

#include <arrow/util/float16.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/number_list.h"
#include "data/tensor.h"
#include "engine/oip_codec.h"
#include "http/body.h"

namespace joey::engine {

namespace od = simdjson::ondemand;

namespace {

// The elements of one tensor's `data`, flat or nested as its shape, into its bytes.
class DataReader {
 public:
  // `last_bracket`: the last ']' of the request.
  DataReader(OipTensor& tensor, ElementType type, std::int64_t count, const char* last_bracket)
      : tensor_(tensor), type_(type), count_(count), last_bracket_(last_bracket) {}

  Status Read(od::value data) {
    if (type_ != ElementType::kString) {
      bytes_.Reserve(static_cast<std::size_t>(count_) * ElementSize(type_));
    }
    JOEY_RETURN_IF_ERROR(ReadList(data, 1));
    if (read_ != count_) return WrongCount();
    tensor_.owner = bytes_.owner();
    tensor_.bytes = bytes_.view();
    return {};
  }

 private:
  Status WrongCount() const {
    return OipProblem(tensor_.name,
                      "shape " + ShapeText(tensor_.shape) + " takes " + std::to_string(count_) +
                          " elements, there are " +
                          (read_ > count_ ? "more" : std::to_string(read_)),
                      "send exactly the elements of the shape");
  }
  Status WrongNesting() const {
    return OipProblem(tensor_.name, "the lists of its data are not nested as its shape says",
                      "send one flat list, or lists nested as " + ShapeText(tensor_.shape));
  }
  Status WrongElement(std::string_view found) const {
    return OipProblem(tensor_.name,
                      "the element " + std::to_string(read_) + " is " + std::string(found) +
                          ", not " + tensor_.datatype,
                      "null is not accepted, and JSON has no NaN or Infinity: the binary form "
                      "carries these");
  }

  // `depth` lists deep, this one included.
  Status ReadList(od::value value, std::size_t depth) {
    const std::int64_t before = read_;
    if (IsFloating(type_)) {
      numbers_.clear();
      const char* begin = value.raw_json_token().data();
      if (*begin == '[' && begin < last_bracket_ && ParseNumberList(begin, numbers_) != nullptr) {
        JOEY_RETURN_IF_ERROR(TakeNumbers(depth));
        return CheckLength(read_ - before, depth);
      }
    }
    od::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS) {
      return OipProblem(tensor_.name, "its data is no list", "send the elements as a list");
    }
    std::int64_t length = 0;
    for (auto item : list) {
      od::value element;
      od::json_type found;
      if (item.get(element) != simdjson::SUCCESS ||
          element.type().get(found) != simdjson::SUCCESS) {
        return OipMalformedJson();
      }
      ++length;
      if (found == od::json_type::array) {
        if (depth == tensor_.shape.size()) return WrongNesting();
        JOEY_RETURN_IF_ERROR(ReadList(element, depth + 1));
        continue;
      }
      JOEY_RETURN_IF_ERROR(AtDepth(depth));
      if (read_ == count_) {
        ++read_;
        return WrongCount();
      }
      JOEY_RETURN_IF_ERROR(ReadElement(element, found));
      ++read_;
    }
    return CheckLength(length, depth);
  }

  // All elements are equally deep: in one list, or in as many as the shape has dimensions.
  Status AtDepth(std::size_t depth) {
    if (leaf_depth_ == 0) leaf_depth_ = depth;
    const bool fits = depth == leaf_depth_ && (depth == 1 || depth == tensor_.shape.size());
    return fits ? Status() : WrongNesting();
  }

  Status CheckLength(std::int64_t length, std::size_t depth) const {
    const bool flat = leaf_depth_ == 1;
    return flat || length == tensor_.shape[depth - 1] ? Status() : WrongNesting();
  }

  Status TakeNumbers(std::size_t depth) {
    if (!numbers_.empty()) JOEY_RETURN_IF_ERROR(AtDepth(depth));
    const auto size = static_cast<std::int64_t>(numbers_.size());
    if (size > count_ - read_) {
      read_ = count_ + 1;
      return WrongCount();
    }
    read_ += size;
    for (double number : numbers_) PutFloating(number);
    return {};
  }

  template <typename T>
  void Put(T value) {
    std::memcpy(bytes_.tail(), &value, sizeof value);
    bytes_.Commit(sizeof value);
  }

  void PutFloating(double number) {
    switch (type_) {
      case ElementType::kFloat32:
        return Put(static_cast<float>(number));
      case ElementType::kFloat16:
        return Put(arrow::util::Float16(static_cast<float>(number)).bits());
      default:
        return Put(number);
    }
  }

  template <typename T>
  Status ReadInteger(od::value value) {
    using Wide = std::conditional_t<std::is_same_v<T, std::uint64_t>, std::uint64_t, std::int64_t>;
    Wide number;
    simdjson::error_code error;
    if constexpr (std::is_same_v<Wide, std::uint64_t>) {
      error = value.get_uint64().get(number);
    } else {
      error = value.get_int64().get(number);
    }
    if (error != simdjson::SUCCESS || !std::in_range<T>(number)) {
      return OipProblem(
          tensor_.name,
          "the element " + std::to_string(read_) + " does not fit " + tensor_.datatype,
          "send whole numbers of that type's range");
    }
    Put(static_cast<T>(number));
    return {};
  }

  Status ReadElement(od::value value, od::json_type found) {
    switch (found) {
      case od::json_type::number:
        return ReadNumber(value);
      case od::json_type::boolean: {
        bool flag;
        if (type_ != ElementType::kBool) return WrongElement("true or false");
        if (value.get_bool().get(flag) != simdjson::SUCCESS) return OipMalformedJson();
        Put(static_cast<std::uint8_t>(flag ? 1 : 0));
        return {};
      }
      case od::json_type::string: {
        std::string_view text;
        if (type_ != ElementType::kString) return WrongElement("a string");
        if (value.get_string().get(text) != simdjson::SUCCESS) return OipMalformedJson();
        const auto length = static_cast<std::uint32_t>(text.size());
        Grow(sizeof length + text.size());
        Put(length);
        bytes_.Append(text);
        return {};
      }
      case od::json_type::null:
        return WrongElement("null");
      default:
        return WrongElement("an object");
    }
  }

  Status ReadNumber(od::value value) {
    switch (type_) {
      case ElementType::kInt8:
        return ReadInteger<std::int8_t>(value);
      case ElementType::kInt16:
        return ReadInteger<std::int16_t>(value);
      case ElementType::kInt32:
        return ReadInteger<std::int32_t>(value);
      case ElementType::kInt64:
        return ReadInteger<std::int64_t>(value);
      case ElementType::kUInt8:
        return ReadInteger<std::uint8_t>(value);
      case ElementType::kUInt16:
        return ReadInteger<std::uint16_t>(value);
      case ElementType::kUInt32:
        return ReadInteger<std::uint32_t>(value);
      case ElementType::kUInt64:
        return ReadInteger<std::uint64_t>(value);
      case ElementType::kBool:
      case ElementType::kString:
        return WrongElement("a number");
      default:
        break;
    }
    double number;
    if (value.get_double().get(number) != simdjson::SUCCESS) {
      return WrongElement("out of range or malformed");
    }
    PutFloating(number);
    return {};
  }

  // Room for `more` bytes of text, doubled so that appending stays cheap.
  void Grow(std::size_t more) {
    const std::size_t needed = bytes_.size() + more;
    if (needed > bytes_.capacity()) bytes_.Reserve(std::max(needed, 2 * bytes_.capacity()));
  }

  OipTensor& tensor_;
  const ElementType type_;
  const std::int64_t count_;
  const char* const last_bracket_;  // ParseNumberList() needs one to stop at
  std::int64_t read_ = 0;
  std::size_t leaf_depth_ = 0;  // 0: no element yet
  http::Body bytes_;
  std::vector<double> numbers_;
};

}  // namespace

Status OipMalformedJson() {
  return InvalidArgument("the request is no well-formed JSON object", std::string(kOipExample));
}

Status ReadOipData(od::value data, ElementType type, std::int64_t count, const char* last_bracket,
                   OipTensor& tensor) {
  return DataReader(tensor, type, count, last_bracket).Read(data);
}

}  // namespace joey::engine
