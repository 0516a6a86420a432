#include "data/json_records.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/type.h>
#include <simdjson.h>

#include <cstdint>
#include <cstring>
#include <thread>

#include "base/limits.h"
#include "data/json_column.h"
#include "data/schema_cache.h"

namespace joey {

namespace od = simdjson::ondemand;

namespace {

constexpr std::size_t kParserBytesKept = 16 << 20;
constexpr std::size_t kSplitBytes = 512 << 10;  // bodies from here on are read by two threads

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
      JsonColumn& column = columns_[index];
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
      for (const JsonColumn& column : columns_) {
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
    for (JsonColumn& column : columns_) column.Reserve(rows);
  }

  void BeginRow() { cells_.resize(cell_base_ + columns_.size()); }

  Result<JsonRecords> Finish(std::int64_t rows) {
    JsonRecords out;
    arrow::ArrayVector arrays;
    for (JsonColumn& column : columns_) arrays.push_back(column.Finish());
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
  std::vector<JsonColumn> columns_;
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
