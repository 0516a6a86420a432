#include "http/message.h"

#include <nlohmann/json.hpp>

namespace joey::http {

namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = Lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_as_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = HexValue(text[i + 1]);
      int low = HexValue(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(plus_as_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string_view Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoreCase(key, name)) return value;
  }
  return {};
}

std::vector<QueryParameter> Request::Query() const {
  const std::size_t question = target.find('?');
  if (question == std::string::npos) return {};
  return ParseQuery(std::string_view(target).substr(question + 1));
}

std::vector<QueryParameter> ParseQuery(std::string_view rest) {
  std::vector<QueryParameter> out;
  while (!rest.empty()) {
    std::size_t end = rest.find('&');
    std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (pair.empty()) continue;
    std::size_t equals = pair.find('=');
    auto name = PercentDecode(pair.substr(0, equals), true);
    auto value = PercentDecode(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (name && value) out.push_back({std::move(*name), std::move(*value)});
  }
  return out;
}

Response Response::Json(std::string body, int status) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

Response Response::Text(std::string body, int status) {
  Response response = Json(std::move(body), status);
  response.content_type = "text/plain; charset=utf-8";
  return response;
}

std::size_t Response::BodySize() const {
  if (parts.empty()) return body.size();
  std::size_t size = 0;
  for (const BodyPart& part : parts) size += part.bytes.size();
  return size;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 303:
      return "See Other";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Payload Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

Response ErrorResponse(const Status& status) {
  int http_status = HttpStatus(status.code());
  nlohmann::json document = {{"code", http_status},
                             {"msg", status.message()},
                             {"error", CodeName(status.code())},
                             {"hint", status.hint()}};
  Response response = Response::Json(
      document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), http_status);
  // RFC 9110 §15.5.2 wants every 401 to say how one signs in.
  if (http_status == 401)
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"joey\"");
  return response;
}

}  // namespace joey::http
