#include "api/log_query.h"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/clock.h"

namespace joey::api {

using nlohmann::json;

namespace {

const char* OrderName(const logs::Query& query) { return query.newest_first ? "desc" : "asc"; }

Result<std::int64_t> ParseLimit(const http::QueryParameter& parameter) {
  std::int64_t value = 0;
  const char* end = parameter.value.data() + parameter.value.size();
  const auto [at, error] = std::from_chars(parameter.value.data(), end, value);
  if (error == std::errc() && at == end && value >= 1) return value;
  return InvalidArgument("'" + parameter.name + "' is a whole number from 1 up",
                         "leave it out for as many records as fit into one answer");
}

// Log times are milliseconds: those of the same millisecond are included at both ends.
Result<std::int64_t> ParseMillis(const http::QueryParameter& parameter) {
  std::string text = parameter.value;
  // A plus sign that was not escaped.
  if (const auto blank = text.rfind(' '); blank != std::string::npos && blank > 10) {
    text[blank] = '+';
  }
  auto micros = ParseMicros(text);
  if (!micros.ok()) return micros.status().WithContext(parameter.name);
  const std::int64_t millis = *micros / 1000;
  return *micros % 1000 < 0 ? millis - 1 : millis;
}

Status ForgedCursor() {
  return InvalidArgument("the body is no cursor of this query",
                         "begin with the body {} and send back `next` of the last page as it is");
}

Result<std::int64_t> CursorNumber(const json& value) {
  if (!value.is_number_integer()) return ForgedCursor();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return ForgedCursor();
  return value.get<std::int64_t>();
}

}  // namespace

Result<logs::Query> ParseLogQuery(const std::vector<http::QueryParameter>& parameters) {
  logs::Query query;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  for (const http::QueryParameter& parameter : parameters) {
    if (parameter.name == "page_size" || parameter.name == "limit") {
      JOEY_ASSIGN_OR_RETURN(query.limit, ParseLimit(parameter));
    } else if (parameter.name == "order") {
      if (!http::EqualsIgnoreCase(parameter.value, "asc") &&
          !http::EqualsIgnoreCase(parameter.value, "desc")) {
        return InvalidArgument("'order' is neither 'asc' nor 'desc'",
                               "'desc' gives the newest records first");
      }
      query.newest_first = http::EqualsIgnoreCase(parameter.value, "desc");
    } else if (parameter.name == "time.start") {
      JOEY_ASSIGN_OR_RETURN(query.time_start, ParseMillis(parameter));
    } else if (parameter.name == "time.end") {
      JOEY_ASSIGN_OR_RETURN(query.time_end, ParseMillis(parameter));
    } else if (parameter.name == "dataset[]") {
      include.push_back(parameter.value);
    } else if (parameter.name == "dataset.exclude[]") {
      exclude.push_back(parameter.value);
    } else if (parameter.name == "dataset.separator") {
      query.separator = parameter.value;
    }
  }
  query.dataset = Dataset(std::move(include), std::move(exclude));
  return query;
}

Result<std::optional<logs::Cursor>> ParseCursor(const json& body, const logs::Query& query) {
  if (body.empty()) return std::optional<logs::Cursor>();
  logs::Cursor cursor;
  if (body.size() == 1 && body.contains(kLogPartition)) {
    JOEY_ASSIGN_OR_RETURN(cursor.row, CursorNumber(body[kLogPartition]));
    return std::optional(cursor);
  }
  if (body.size() != 3 || !body.contains("order") || body["order"] != OrderName(query) ||
      !body.contains("row") || !body.contains("remaining")) {
    return ForgedCursor();
  }
  JOEY_ASSIGN_OR_RETURN(cursor.row, CursorNumber(body["row"]));
  if (!body["remaining"].is_null()) {
    JOEY_ASSIGN_OR_RETURN(cursor.remaining, CursorNumber(body["remaining"]));
  }
  return std::optional(cursor);
}

json CursorDocument(const std::optional<logs::Cursor>& cursor, const logs::Query& query) {
  if (!cursor) return nullptr;
  json remaining;
  if (cursor->remaining) remaining = *cursor->remaining;
  return {{"order", OrderName(query)}, {"row", cursor->row}, {"remaining", std::move(remaining)}};
}

}  // namespace joey::api
