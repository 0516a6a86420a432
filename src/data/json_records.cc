#include "data/json_records.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/buffer.h>
#include <arrow/type.h>
#include <simdjson.h>

#include <cstdint>
#include <cstring>
#include <thread>

#include "base/limits.h"
#include "data/number_list.h"
#include "data/schema_cache.h"

namespace joey {

namespace od = simdjson::ondemand;

namespace {

constexpr std::size_t kParserBytesKept = 16 << 20;
constexpr std::size_t kSplitBytes = 512 << 10;  // bodies from here on are read by two threads

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

// Values of one column: leaves in one flat vector of the column's kind, list levels as offsets.
class Column {
 public:
  Column(std::string name, JsonKind kind) : name_(std::move(name)), kind_(kind) {}

  const std::string& name() const { return name_; }
  std::size_t rows() const { return rows_; }

  // Adds one cell; `end` becomes the place behind it where that is known.
  Status AddRow(od::value value, const char*& end) {
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

  // `rows` more like the first one.
  void Reserve(std::size_t rows) {
    doubles_.reserve(doubles_.size() * rows);
    integers_.reserve(integers_.size() * rows);
    if (!levels_.empty()) levels_[0].reserve(rows + 1);
  }

  std::shared_ptr<arrow::Array> Finish() {
    std::shared_ptr<arrow::Array> array = FinishLeaves();
    for (std::size_t level = levels_.size(); level-- > 0;) {
      auto length = static_cast<std::int64_t>(levels_[level].size()) - 1;
      array = std::make_shared<arrow::ListArray>(
          ListOf(array->type(), ListFlavor::kItem), length,
          arrow::Buffer::FromVector(std::move(levels_[level])), std::move(array));
    }
    return array;
  }

 private:
  Status Problem(std::string what, std::string hint) const {
    return InvalidArgument(
        "row " + std::to_string(rows_) + ", column '" + name_ + "': " + std::move(what),
        std::move(hint));
  }
  Status Malformed() const {
    return Problem(
        "malformed JSON",
        "JSON has no NaN or Infinity, and strings must be valid Unicode; Arrow carries both");
  }
  Status BadNumber() const {
    return Problem("the number is out of range or malformed",
                   "send finite numbers; Arrow carries NaN and infinities");
  }
  Status Wrong(od::json_type found) const {
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
  Status Unequal() const {
    return Problem("the nesting of lists differs within the column",
                   "all rows of a column must be lists of the same depth; ragged tensors are not "
                   "supported");
  }

  Status Add(od::value value, std::size_t depth) {
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

  Status AddLeaf(od::value value, od::json_type type) {
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

  // The type of a column nobody gave a hint for: that of its first value.
  Status Guess(od::value value, od::json_type type) {
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

  Status AddInteger(od::value value, od::json_type type) {
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

  std::shared_ptr<arrow::Array> FinishLeaves() {
    const auto make = [](std::shared_ptr<arrow::DataType> type, auto& values) {
      auto length = static_cast<std::int64_t>(values.size());
      auto data = arrow::ArrayData::Make(
          std::move(type), length, {nullptr, arrow::Buffer::FromVector(std::move(values))}, 0);
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

  std::string name_;
  JsonKind kind_;
  bool guessed_ = false;
  bool shape_known_ = false;
  std::size_t rows_ = 0;
  std::vector<std::vector<std::int32_t>> levels_;
  std::vector<double> doubles_;
  std::vector<std::int64_t> integers_;
  std::vector<std::uint64_t> unsigned_;
  std::vector<std::uint8_t> bits_;
  std::size_t bool_count_ = 0;
  std::string characters_;
  std::vector<std::int32_t> string_ends_{0};
};

class Reader {
 public:
  explicit Reader(std::span<const JsonColumnHint> hints) : hints_(hints) {}

  Status ReadRow(od::object record, std::int64_t row) {
    std::size_t position = 0;
    for (auto field : record) {
      std::string_view key;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return Malformed(row);
      std::size_t index = position;
      if (index >= columns_.size() || columns_[index].name() != key) {
        JOEY_ASSIGN_OR_RETURN(index, Find(key, row));
      }
      Column& column = columns_[index];
      if (column.rows() != static_cast<std::size_t>(row)) {
        return InvalidArgument(
            "row " + std::to_string(row) + " has the key '" + column.name() + "' twice",
            "give every key of a record once");
      }
      od::value value;
      if (field.value().get(value) != simdjson::SUCCESS) return Malformed(row);
      const char* begin = value.raw_json_token().data();
      const char* end = nullptr;
      JOEY_RETURN_IF_ERROR(column.AddRow(value, end));
      if (end == nullptr && value.current_location().get(end) != simdjson::SUCCESS) {
        return Malformed(row);
      }
      while (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t') --end;
      cells_[cell_base_ + index] = {begin, static_cast<std::size_t>(end - begin)};
      ++position;
    }
    if (position != columns_.size()) {
      for (const Column& column : columns_) {
        if (column.rows() == static_cast<std::size_t>(row)) {
          return InvalidArgument(
              "row " + std::to_string(row) + " lacks the column '" + column.name() + "'",
              "every record must have the same keys");
        }
      }
    }
    cell_base_ += columns_.size();
    return {};
  }

  Status Malformed(std::int64_t row) const {
    return InvalidArgument("row " + std::to_string(row) + ": malformed JSON",
                           "send an array of records like [{\"tensor\": [1.0, 2.0]}]");
  }

  // After the first row: room for as many rows like it as the text can hold.
  void Reserve(std::size_t rows) {
    cells_.reserve(columns_.size() * rows);
    for (Column& column : columns_) column.Reserve(rows);
  }

  void BeginRow() { cells_.resize(cell_base_ + columns_.size()); }

  Result<JsonRecords> Finish(std::int64_t rows) {
    JsonRecords out;
    arrow::ArrayVector arrays;
    for (Column& column : columns_) arrays.push_back(column.Finish());
    thread_local SchemaCache cache;
    auto schema =
        cache.Get(arrays, [&](std::size_t i) -> const std::string& { return columns_[i].name(); });
    out.batch = arrow::RecordBatch::Make(std::move(schema), rows, std::move(arrays));
    out.cells = std::move(cells_);
    return out;
  }

 private:
  Result<std::size_t> Find(std::string_view key, std::int64_t row) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name() == key) return i;
    }
    if (row > 0) {
      return InvalidArgument("row " + std::to_string(row) + " has the column '" + std::string(key) +
                                 "', which earlier rows lack",
                             "every record must have the same keys");
    }
    if (columns_.size() == limits::kColumnsMax) {
      return InvalidArgument("more than " + std::to_string(limits::kColumnsMax) + " columns",
                             "put the values of one tensor into one column of lists");
    }
    JsonKind kind = JsonKind::kAny;
    for (const JsonColumnHint& hint : hints_) {
      if (hint.name == key) kind = hint.kind;
    }
    columns_.emplace_back(std::string(key), kind);
    cells_.resize(cell_base_ + columns_.size());
    return columns_.size() - 1;
  }

  std::span<const JsonColumnHint> hints_;
  std::vector<Column> columns_;
  std::vector<std::string_view> cells_;
  std::size_t cell_base_ = 0;  // of the current row
};

Status NotRecords(std::string what) {
  return InvalidArgument("the body is not pandas-records JSON: " + std::move(what),
                         "send an array of records like [{\"tensor\": [1.0, 2.0]}]");
}

// `stop`: records from there on are left to somebody else; null to read all.
Result<JsonRecords> Parse(od::parser& parser, std::string_view text,
                          std::span<const JsonColumnHint> hints, const char* stop) {
  od::document document;
  simdjson::error_code error =
      parser.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING)
          .get(document);
  if (error != simdjson::SUCCESS) return NotRecords(simdjson::error_message(error));
  od::array records;
  error = document.get_array().get(records);
  if (error != simdjson::SUCCESS) return NotRecords("it must be an array of records");
  Reader reader(hints);
  std::int64_t rows = 0;
  for (auto element : records) {
    od::value value;
    error = element.get(value);
    if (error == simdjson::SUCCESS && stop != nullptr && value.raw_json_token().data() >= stop)
      break;
    od::object record;
    if (error == simdjson::SUCCESS) error = value.get_object().get(record);
    if (error != simdjson::SUCCESS) {
      return NotRecords("element " + std::to_string(rows) + " is no record");
    }
    if (rows == limits::kRowsMax) {
      return InvalidArgument("more than " + std::to_string(limits::kRowsMax) + " rows in a request",
                             "send them in several requests");
    }
    reader.BeginRow();
    JOEY_RETURN_IF_ERROR(reader.ReadRow(record, rows));
    if (rows == 0) {
      const char* here = nullptr;
      if (document.current_location().get(here) == simdjson::SUCCESS) {
        auto row_bytes = static_cast<std::size_t>(here - text.data());
        reader.Reserve(std::min<std::size_t>(limits::kRowsMax, text.size() / row_bytes + 1));
      }
    }
    ++rows;
  }
  if (stop == nullptr && document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return NotRecords("there is text after the array, or it does not end");
  if (rows == 0) return InvalidArgument("the request has no rows", "send at least one record");
  return reader.Finish(rows);
}

// A '{' near the middle that begins a record; null when none can be told apart safely.
const char* FindMiddleRecord(std::string_view text) {
  if (std::memchr(text.data(), '\\', text.size()) != nullptr) return nullptr;
  const char* middle = text.data() + text.size() / 2;
  const char* end = text.data() + text.size();
  bool in_string = false;
  for (const char* p = text.data();
       (p = static_cast<const char*>(std::memchr(p, '"', static_cast<std::size_t>(middle - p)))) !=
       nullptr;
       ++p) {
    in_string = !in_string;
  }
  const auto space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  for (const char* p = middle; p < end; ++p) {
    if (*p == '"') in_string = !in_string;
    if (in_string || *p != '}') continue;
    ++p;
    while (p < end && space(*p)) ++p;
    if (p == end || *p != ',') return nullptr;
    ++p;
    while (p < end && space(*p)) ++p;
    return p < end && *p == '{' ? p : nullptr;
  }
  return nullptr;
}

Result<JsonRecords> Join(JsonRecords first, JsonRecords second) {
  if (first.batch->schema() != second.batch->schema() &&
      !first.batch->schema()->Equals(*second.batch->schema())) {
    return Internal("the halves differ");
  }
  arrow::ArrayVector columns;
  for (int i = 0; i < first.batch->num_columns(); ++i) {
    auto joined = arrow::Concatenate({first.batch->column(i), second.batch->column(i)});
    if (!joined.ok()) return Internal(joined.status().ToString());
    columns.push_back(std::move(*joined));
  }
  std::int64_t rows = first.batch->num_rows() + second.batch->num_rows();
  first.batch = arrow::RecordBatch::Make(first.batch->schema(), rows, std::move(columns));
  first.cells.insert(first.cells.end(), second.cells.begin(), second.cells.end());
  first.copied_text = std::move(second.copied_text);
  return first;
}

// Both halves of a large body at once. Any failure means: read it again in one piece, which says
// what is wrong and where.
Result<JsonRecords> ParseHalves(od::parser& parser, std::string_view text,
                                std::span<const JsonColumnHint> hints) {
  const char* middle = FindMiddleRecord(text);
  if (middle == nullptr) return Internal("no middle");
  auto size = static_cast<std::size_t>(text.data() + text.size() - middle);
  // The second half becomes an array of its own: its text, with a bracket before it.
  auto copy = std::make_shared_for_overwrite<char[]>(size + 1 + simdjson::SIMDJSON_PADDING);
  Result<JsonRecords> second = Internal("not parsed");
  std::thread helper([&] {
    try {
      copy[0] = '[';
      std::memcpy(copy.get() + 1, middle, size);
      std::memset(copy.get() + 1 + size, ' ', simdjson::SIMDJSON_PADDING);
      od::parser own;
      second = Parse(own, {copy.get(), size + 1}, hints, nullptr);
    } catch (const std::bad_alloc&) {
      second = ResourceExhausted("not enough memory");
    }
  });
  Result<JsonRecords> first = Parse(parser, text, hints, middle);
  helper.join();
  if (!first.ok()) return first;
  if (!second.ok()) return second;
  second->copied_text = std::move(copy);
  return Join(std::move(*first), std::move(*second));
}

}  // namespace

Result<JsonRecords> ParseJsonRecords(std::string_view text, std::span<const JsonColumnHint> hints,
                                     int threads) {
  thread_local od::parser parser;
  try {
    Result<JsonRecords> out = Internal("not parsed");
    if (threads > 1 && text.size() >= kSplitBytes) out = ParseHalves(parser, text, hints);
    if (!out.ok()) out = Parse(parser, text, hints, nullptr);
    // One huge request must not pin its memory to the thread for ever.
    if (text.size() > kParserBytesKept) parser = od::parser();
    return out;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory for this request", "send fewer rows per request");
  }
}

}  // namespace joey
