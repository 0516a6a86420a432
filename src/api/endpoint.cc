#include "api/endpoint.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <exception>

#include "base/json_depth.h"
#include "base/limits.h"

namespace joey::api {

using nlohmann::json;

Result<json> ParseBody(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
  if (DeeperThan(body, limits::kControlJsonDepthMax)) {
    return InvalidArgument(
        fmt::format("the body nests deeper than {} levels", limits::kControlJsonDepthMax),
        "send a flatter document");
  }
  try {
    json document = json::parse(body);
    if (document.is_object()) return document;
  } catch (const json::parse_error& error) {
    return InvalidArgument(fmt::format("the body is no JSON: error at byte {}", error.byte),
                           "send a JSON object in UTF-8");
  } catch (const json::exception&) {
    return InvalidArgument("the body holds a number that is out of range");
  }
  return InvalidArgument("the body is no JSON object", "send a JSON object");
}

http::Response Answer(const Endpoint& endpoint, std::string_view body, const control::User& user) {
  try {
    Result<json> document = ParseBody(body);
    Status status = document.status();
    if (status.ok()) status = CheckFields(*document, endpoint.request);
    if (!status.ok()) return http::ErrorResponse(status);
    Result<json> answer = endpoint.handler(Call(*document, user));
    if (!answer.ok()) {
      if (HttpStatus(answer.status().code()) >= 500) {
        spdlog::warn("{} {}: {}", endpoint.method, endpoint.path, answer.status().ToString());
      }
      return http::ErrorResponse(answer.status());
    }
    return http::Response::Json(answer->dump(-1, ' ', false, json::error_handler_t::replace),
                                endpoint.status);
  } catch (const std::exception& error) {
    spdlog::error("{} {}: {}", endpoint.method, endpoint.path, error.what());
    return http::ErrorResponse(Internal("the request could not be handled",
                                        "look into the log of joey serve and report the error"));
  }
}

}  // namespace joey::api
