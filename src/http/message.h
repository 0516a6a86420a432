// Requests and responses as handlers see them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace joey::http {

// One piece of a response's body: bytes kept alive by `owner`.
struct BodyPart {
  std::shared_ptr<const void> owner;
  std::string_view bytes;
};

struct QueryParameter {
  std::string name;   // decoded
  std::string value;  // decoded
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// Case-insensitive ASCII comparison, as header names need.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// Percent-decodes; `plus_as_space` for query strings. nullopt for broken escapes.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_as_space);

struct Request {
  std::string method;  // upper case
  std::string target;  // as sent, with the query
  std::string path;    // decoded, without the query
  std::vector<std::string> path_parameters;  // in the order of the route's {placeholders}
  Headers headers;
  std::string body;
  std::string remote;  // address of the peer

  // First header of that name, empty when there is none.
  std::string_view Header(std::string_view name) const;
  // The query of `target`, decoded, in order; parameters may repeat.
  std::vector<QueryParameter> Query() const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;               // further headers
  std::string body;              // used when `parts` is empty
  std::vector<BodyPart> parts;   // sent one after the other, not copied

  static Response Json(std::string body, int status = 200);
  static Response Text(std::string body, int status = 200);
};

// The error document of the API: {"code": HTTP status, "msg": text, "error": code name,
// "hint": text} (WIRE.md §2: `code` and `msg` are what the public client reads).
Response ErrorResponse(const Status& status);

}  // namespace joey::http
