// Requests and responses as handlers see them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "http/body.h"

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

// Case-insensitive ASCII comparison, as header names need.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// Percent-decodes; '+' becomes a space where `plus_as_space`. nullopt for broken escapes.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_as_space);

// "a=1&b=x%20y" decoded, in order; pairs with broken escapes are left out.
std::vector<QueryParameter> ParseQuery(std::string_view text);

// Header fields in order. Of a received message the views point into memory the message owns.
using HeaderViews = std::vector<std::pair<std::string_view, std::string_view>>;

struct Request {
  std::string method;                        // upper case
  std::string target;                        // as sent, with the query
  std::string path;                          // decoded, without the query
  std::vector<std::string> path_parameters;  // in the order of the route's {placeholders}
  std::string head;                          // owns what `headers` points to
  HeaderViews headers;
  Body body;
  std::string peer;  // the client's address, without its port
  std::string
      body_file;  // with RouteOptions::spool_directory: the body is in this file, not in `body`

  Request() = default;
  Request(const Request&) = delete;  // `headers` points into `head`
  Request& operator=(const Request&) = delete;

  // First header of that name, empty when there is none.
  std::string_view Header(std::string_view name) const;
  // The query of `target`, decoded, in order; parameters may repeat.
  std::vector<QueryParameter> Query() const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // further headers
  std::string body;                                          // used when `parts` is empty
  std::vector<BodyPart> parts;                               // sent one after the other, not copied

  static Response Json(std::string body, int status = 200);
  static Response Text(std::string body, int status = 200);
  std::size_t BodySize() const;
};

// "OK", "Not Found" …
std::string_view ReasonPhrase(int status);

// The error document of the API: {"code": HTTP status, "msg": text, "error": code name,
// "hint": text} (WIRE.md §2: `code` and `msg` are what the public client reads).
Response ErrorResponse(const Status& status);

}  // namespace joey::http
