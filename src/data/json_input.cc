#include "data/json_input.h"

#include <arrow/array.h>
#include <simdjson.h>

#include <algorithm>

#include "base/limits.h"
#include "data/json_column.h"
#include "data/schema_cache.h"

namespace joey {

namespace od = simdjson::ondemand;

namespace {

constexpr std::size_t kParserBytesKept = 16 << 20;
constexpr const char* kExample =
    R"(send columns like {"tensor": [[1.0, 2.0], [3.0, 4.0]]}: one list item for each row)";

Status NotInput(std::string what) {
  return InvalidArgument("the body is not inference data: " + std::move(what), kExample);
}

std::string_view WhatItIs(od::json_type type) {
  switch (type) {
    case od::json_type::object:
      return "a dict";
    case od::json_type::null:
      return "null";
    case od::json_type::string:
      return "a text";
    default:
      return "a single value";
  }
}

class ColumnsReader {
 public:
  ColumnsReader(std::string_view text, std::span<const JsonColumnHint> hints)
      : text_(text), hints_(hints) {}

  Status ReadColumn(std::string_view name, od::value value) {
    for (const JsonColumn& column : columns_) {
      if (column.name() == name) {
        return InvalidArgument("the column '" + column.name() + "' is there twice",
                               "give every column once");
      }
    }
    if (columns_.size() == limits::kColumnsMax) {
      return InvalidArgument("more than " + std::to_string(limits::kColumnsMax) + " columns",
                             "put the values of one tensor into one column of lists");
    }
    JsonKind kind = JsonKind::kAny;
    for (const JsonColumnHint& hint : hints_) {
      if (hint.name == name) kind = hint.kind;
    }
    columns_.emplace_back(std::string(name), kind);
    od::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return Malformed();
    if (type != od::json_type::array) {
      return InvalidArgument("the column '" + std::string(name) + "' is " +
                                 std::string(WhatItIs(type)) +
                                 ", expected a list with one item for each row",
                             kExample);
    }
    od::array rows;
    if (value.get_array().get(rows) != simdjson::SUCCESS) return Malformed();
    return ReadRows(rows);
  }

  // Into the last column.
  Status ReadRows(od::array rows) {
    JsonColumn& column = columns_.back();
    const char* begin = text_.data();
    for (auto element : rows) {
      od::value value;
      if (element.get(value) != simdjson::SUCCESS) return Malformed();
      if (column.rows() == static_cast<std::size_t>(limits::kRowsMax)) {
        return InvalidArgument(
            "more than " + std::to_string(limits::kRowsMax) + " rows in a request",
            "send them in several requests");
      }
      if (column.rows() == 0) begin = value.raw_json_token().data();
      const char* end = nullptr;
      JOEY_RETURN_IF_ERROR(column.AddRow(value, end));
      if (column.rows() == 1) {
        if (end == nullptr && value.current_location().get(end) != simdjson::SUCCESS)
          return Malformed();
        column.Reserve(ExpectedRows(static_cast<std::size_t>(end - begin)));
      }
    }
    return {};
  }

  void AddColumn(const JsonColumnHint& hint) { columns_.emplace_back(hint.name, hint.kind); }

  Status Malformed() const {
    return NotInput("malformed JSON in column '" + columns_.back().name() + "', row " +
                    std::to_string(columns_.back().rows()));
  }

  Result<JsonRecords> Finish() {
    if (columns_.empty() || columns_.front().rows() == 0) {
      return InvalidArgument("the request has no rows", kExample);
    }
    for (const JsonColumn& column : columns_) {
      if (column.rows() != columns_.front().rows()) {
        return InvalidArgument(
            "the column '" + column.name() + "' has " + std::to_string(column.rows()) + " rows, '" +
                columns_.front().name() + "' has " + std::to_string(columns_.front().rows()),
            "every column must have one list item for each row");
      }
    }
    auto rows = static_cast<std::int64_t>(columns_.front().rows());
    arrow::ArrayVector arrays;
    for (JsonColumn& column : columns_) arrays.push_back(column.Finish());
    thread_local SchemaCache cache;
    auto schema =
        cache.Get(arrays, [&](std::size_t i) -> const std::string& { return columns_[i].name(); });
    JsonRecords out;
    out.batch = arrow::RecordBatch::Make(std::move(schema), rows, std::move(arrays));
    return out;
  }

 private:
  // As many as the first column has; of that one, as many as the text can hold.
  std::size_t ExpectedRows(std::size_t row_bytes) const {
    if (columns_.size() > 1) return std::max<std::size_t>(1, columns_.front().rows());
    return std::min<std::size_t>(limits::kRowsMax, text_.size() / (row_bytes + 1) + 1);
  }

  std::string_view text_;
  std::span<const JsonColumnHint> hints_;
  std::vector<JsonColumn> columns_;
};

Result<JsonRecords> Parse(od::parser& parser, std::string_view text,
                          std::span<const JsonColumnHint> hints, bool dict) {
  od::document document;
  simdjson::error_code error =
      parser.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING)
          .get(document);
  if (error != simdjson::SUCCESS) return NotInput(simdjson::error_message(error));
  ColumnsReader reader(text, hints);
  if (dict) {
    od::object columns;
    error = document.get_object().get(columns);
    if (error != simdjson::SUCCESS) return NotInput(simdjson::error_message(error));
    for (auto field : columns) {
      std::string_view name;
      od::value value;
      error = field.unescaped_key().get(name);
      // The parser's memory for unescaped keys is used again for the strings of the column.
      std::string kept(name);
      if (error == simdjson::SUCCESS) error = field.value().get(value);
      if (error != simdjson::SUCCESS) return NotInput(simdjson::error_message(error));
      JOEY_RETURN_IF_ERROR(reader.ReadColumn(kept, value));
    }
  } else {
    if (hints.size() != 1) {
      std::string names;
      for (const JsonColumnHint& hint : hints) {
        names += (names.empty() ? "'" : ", '") + hint.name + "'";
        if (names.size() > 200) break;
      }
      return InvalidArgument(
          "a plain list goes to a model with exactly one input" +
              (names.empty() ? std::string(", and this one does not name its inputs")
                             : "; this one has " + names),
          "name the columns: {\"" + (hints.empty() ? std::string("input") : hints[0].name) +
              "\": [row, row, …]}");
    }
    reader.AddColumn(hints[0]);
    od::array rows;
    error = document.get_array().get(rows);
    if (error != simdjson::SUCCESS) return NotInput(simdjson::error_message(error));
    JOEY_RETURN_IF_ERROR(reader.ReadRows(rows));
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    return NotInput("there is text after the data, or it does not end");
  return reader.Finish();
}

// The first character from `from` on that is no white space; 0 at the end.
char FirstOf(std::string_view text, std::size_t& from) {
  from = text.find_first_not_of(" \t\r\n", from);
  return from == std::string_view::npos ? '\0' : text[from];
}

}  // namespace

Result<JsonRecords> ParseJsonInput(std::string_view text, std::span<const JsonColumnHint> hints,
                                   int threads) {
  std::size_t at = 0;
  char first = FirstOf(text, at);
  if (first != '{' && first != '[') {
    return NotInput(first == '\0' ? "it is empty" : "it must be a dict of columns or a list");
  }
  if (first == '[' && FirstOf(text, ++at) == '{') return ParseJsonRecords(text, hints, threads);
  thread_local od::parser parser;
  try {
    Result<JsonRecords> out = Parse(parser, text, hints, first == '{');
    // One huge request must not pin its memory to the thread for ever.
    if (text.size() > kParserBytesKept) parser = od::parser();
    return out;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("not enough memory for this request", "send fewer rows per request");
  }
}

}  // namespace joey
