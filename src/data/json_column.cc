#include "data/json_column.h"

#include <arrow/buffer.h>
#include <arrow/type.h>

#include "base/limits.h"
#include "data/number_list.h"
#include "data/schema_cache.h"

namespace joey {

namespace od = simdjson::ondemand;

namespace {

std::string_view KindName(JsonKind kind) {
  switch (kind) {
    case JsonKind::kDouble:
      return "numbers";
    case JsonKind::kInt64:
      return "integers";
    case JsonKind::kUInt64:
      return "unsigned integers";
    case JsonKind::kBool:
      return "true or false";
    case JsonKind::kString:
      return "strings";
    case JsonKind::kAny:
      break;
  }
  return "values";
}

std::string_view JsonTypeName(od::json_type type) {
  switch (type) {
    case od::json_type::array:
      return "a list";
    case od::json_type::object:
      return "an object";
    case od::json_type::number:
      return "a number";
    case od::json_type::string:
      return "a string";
    case od::json_type::boolean:
      return "true or false";
    case od::json_type::null:
      return "null";
  }
  return "something else";
}

}  // namespace

Status JsonColumn::AddRow(od::value value, const char*& end) {
  const char* begin = value.raw_json_token().data();
  const bool may_be_flat = levels_.size() == 1 || (levels_.empty() && !shape_known_);
  if (*begin == '[' && kind_ == JsonKind::kDouble && may_be_flat &&
      doubles_.size() < INT32_MAX / 2) {
    end = ParseNumberList(begin, doubles_);
    if (end != nullptr) {
      if (levels_.empty()) levels_.emplace_back(1, 0);
      shape_known_ = shape_known_ || !doubles_.empty();
      levels_[0].push_back(static_cast<std::int32_t>(doubles_.size()));
      ++rows_;
      return {};
    }
  }
  JOEY_RETURN_IF_ERROR(Add(value, 0));
  ++rows_;
  return {};
}

void JsonColumn::Reserve(std::size_t rows) {
  doubles_.reserve(doubles_.size() * rows);
  integers_.reserve(integers_.size() * rows);
  if (!levels_.empty()) levels_[0].reserve(rows + 1);
}

std::shared_ptr<arrow::Array> JsonColumn::Finish() {
  std::shared_ptr<arrow::Array> array = FinishLeaves();
  for (std::size_t level = levels_.size(); level-- > 0;) {
    auto length = static_cast<std::int64_t>(levels_[level].size()) - 1;
    array = std::make_shared<arrow::ListArray>(ListOf(array->type(), ListFlavor::kItem), length,
                                               arrow::Buffer::FromVector(std::move(levels_[level])),
                                               std::move(array));
  }
  return array;
}

Status JsonColumn::Problem(std::string what, std::string hint) const {
  return InvalidArgument(
      "row " + std::to_string(rows_) + ", column '" + name_ + "': " + std::move(what),
      std::move(hint));
}

Status JsonColumn::Malformed() const {
  return Problem(
      "malformed JSON",
      "JSON has no NaN or Infinity, and strings must be valid Unicode; Arrow carries both");
}

Status JsonColumn::BadNumber() const {
  return Problem("the number is out of range or malformed",
                 "send finite numbers; Arrow carries NaN and infinities");
}

Status JsonColumn::Wrong(od::json_type found) const {
  if (found == od::json_type::null) {
    return Problem("null is not accepted",
                   "give a value of the model's type in every place (NaN becomes null in JSON: "
                   "fill missing values first, or send Arrow)");
  }
  if (found == od::json_type::object) {
    return Problem("objects are not accepted as values",
                   "use numbers, booleans, strings, or lists of these");
  }
  return Problem(
      "expected " + std::string(KindName(kind_)) + ", found " + std::string(JsonTypeName(found)),
      "all values of one column must have the same type and the same nesting");
}

Status JsonColumn::Unequal() const {
  return Problem("the nesting of lists differs within the column",
                 "all rows of a column must be lists of the same depth; ragged tensors are not "
                 "supported");
}

Status JsonColumn::Add(od::value value, std::size_t depth) {
  od::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return Malformed();
  if (type != od::json_type::array) {
    if (!shape_known_) shape_known_ = true;  // the first leaf fixes the depth
    if (depth != levels_.size()) return Unequal();
    return AddLeaf(value, type);
  }
  if (depth == limits::kJsonDepthMax) {
    return Problem("lists are nested deeper than " + std::to_string(limits::kJsonDepthMax),
                   "a tensor has one list for each of its dimensions");
  }
  if (depth == levels_.size()) {
    if (shape_known_) return Unequal();
    levels_.emplace_back(1, 0);
  }
  if (kind_ == JsonKind::kDouble && shape_known_ && depth + 1 == levels_.size() &&
      doubles_.size() < INT32_MAX / 2 &&
      ParseNumberList(value.raw_json_token().data(), doubles_) != nullptr) {
    // Whoever iterates over the lists steps over this one by itself.
    levels_[depth].push_back(static_cast<std::int32_t>(doubles_.size()));
    return {};
  }
  od::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return Malformed();
  std::int64_t count = 0;
  if (kind_ == JsonKind::kDouble && shape_known_ && depth + 1 == levels_.size()) {
    for (auto element : array) {
      double number;
      if (element.get_double().get(number) != simdjson::SUCCESS) {
        od::json_type found = od::json_type::null;
        if (element.type().get(found) != simdjson::SUCCESS) return Malformed();
        if (found == od::json_type::number) return BadNumber();
        return found == od::json_type::array ? Unequal() : Wrong(found);
      }
      doubles_.push_back(number);
      ++count;
    }
  } else {
    for (auto element : array) {
      od::value item;
      if (element.get(item) != simdjson::SUCCESS) return Malformed();
      JOEY_RETURN_IF_ERROR(Add(item, depth + 1));
      ++count;
    }
  }
  std::int64_t end = levels_[depth].back() + count;
  if (end > INT32_MAX)
    return Problem("the column has more than 2^31 values", "send fewer rows at once");
  levels_[depth].push_back(static_cast<std::int32_t>(end));
  return {};
}

Status JsonColumn::AddLeaf(od::value value, od::json_type type) {
  if (kind_ == JsonKind::kAny) JOEY_RETURN_IF_ERROR(Guess(value, type));
  switch (kind_) {
    case JsonKind::kDouble: {
      double number;
      if (type != od::json_type::number) return Wrong(type);
      if (value.get_double().get(number) != simdjson::SUCCESS) {
        return BadNumber();
      }
      doubles_.push_back(number);
      return {};
    }
    case JsonKind::kInt64:
      return AddInteger(value, type);
    case JsonKind::kUInt64: {
      std::uint64_t number;
      if (type != od::json_type::number) return Wrong(type);
      if (value.get_uint64().get(number) != simdjson::SUCCESS) {
        return Problem("expected an unsigned integer of 64 bits",
                       "the model's input is of an integer type; cast the column first");
      }
      unsigned_.push_back(number);
      return {};
    }
    case JsonKind::kBool: {
      bool flag;
      if (type != od::json_type::boolean || value.get_bool().get(flag) != simdjson::SUCCESS) {
        return Wrong(type);
      }
      if (bool_count_ % 8 == 0) bits_.push_back(0);
      if (flag) bits_.back() |= static_cast<std::uint8_t>(1U << (bool_count_ % 8));
      ++bool_count_;
      return {};
    }
    case JsonKind::kString: {
      std::string_view text;
      if (type != od::json_type::string) return Wrong(type);
      if (value.get_string().get(text) != simdjson::SUCCESS) return Malformed();
      if (characters_.size() + text.size() > INT32_MAX)
        return Problem("more than 2 GiB of text", "send fewer rows at once");
      characters_.append(text);
      string_ends_.push_back(static_cast<std::int32_t>(characters_.size()));
      return {};
    }
    case JsonKind::kAny:
      break;
  }
  return Wrong(type);
}

Status JsonColumn::Guess(od::value value, od::json_type type) {
  guessed_ = true;
  if (type == od::json_type::string) {
    kind_ = JsonKind::kString;
  } else if (type == od::json_type::boolean) {
    kind_ = JsonKind::kBool;
  } else if (type == od::json_type::number) {
    od::number_type number;
    if (value.get_number_type().get(number) != simdjson::SUCCESS) {
      return BadNumber();
    }
    kind_ = number == od::number_type::signed_integer ? JsonKind::kInt64 : JsonKind::kDouble;
  } else {
    return Wrong(type);
  }
  return {};
}

Status JsonColumn::AddInteger(od::value value, od::json_type type) {
  if (type != od::json_type::number) return Wrong(type);
  std::int64_t number;
  if (value.get_int64().get(number) == simdjson::SUCCESS) {
    integers_.push_back(number);
    return {};
  }
  double real;
  if (!guessed_ || value.get_double().get(real) != simdjson::SUCCESS) {
    return Problem("expected an integer of 64 bits",
                   "the model's input is of an integer type; cast the column first");
  }
  // 1, 2.5: the column is one of doubles after all.
  kind_ = JsonKind::kDouble;
  doubles_.assign(integers_.begin(), integers_.end());
  integers_.clear();
  doubles_.push_back(real);
  return {};
}

std::shared_ptr<arrow::Array> JsonColumn::FinishLeaves() {
  const auto make = [](std::shared_ptr<arrow::DataType> type, auto& values) {
    auto length = static_cast<std::int64_t>(values.size());
    auto data = arrow::ArrayData::Make(std::move(type), length,
                                       {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0);
    return arrow::MakeArray(data);
  };
  switch (kind_) {
    case JsonKind::kInt64:
      return make(arrow::int64(), integers_);
    case JsonKind::kUInt64:
      return make(arrow::uint64(), unsigned_);
    case JsonKind::kBool:
      return arrow::MakeArray(
          arrow::ArrayData::Make(arrow::boolean(), static_cast<std::int64_t>(bool_count_),
                                 {nullptr, arrow::Buffer::FromVector(std::move(bits_))}, 0));
    case JsonKind::kString: {
      auto length = static_cast<std::int64_t>(string_ends_.size()) - 1;
      return std::make_shared<arrow::StringArray>(
          length, arrow::Buffer::FromVector(std::move(string_ends_)),
          arrow::Buffer::FromString(std::move(characters_)));
    }
    case JsonKind::kDouble:
    case JsonKind::kAny:
      break;  // a column of empty lists only
  }
  return make(arrow::float64(), doubles_);
}

}  // namespace joey
