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

namespace {

Result<json> CheckedBody(const Endpoint& endpoint, const http::Request& request) {
  JOEY_ASSIGN_OR_RETURN(json document, ParseBody(request.body));
  JOEY_RETURN_IF_ERROR(CheckFields(document, endpoint.request));
  return document;
}

Result<http::Response> AnswerOf(const Endpoint& endpoint, http::Request& request,
                                const control::User& user, control::AccessControl& access) {
  json document = json::object();
  if (endpoint.raw == nullptr) {
    JOEY_ASSIGN_OR_RETURN(document, CheckedBody(endpoint, request));
  }
  JOEY_RETURN_IF_ERROR(
      endpoint.access.Check(access, user, endpoint.path, request.path_parameters, document));
  if (endpoint.raw != nullptr) return endpoint.raw(request, user);
  JOEY_ASSIGN_OR_RETURN(const json answer, endpoint.handler(Call(document, user)));
  if (endpoint.status == 204) {
    http::Response nothing;
    nothing.status = 204;
    nothing.content_type.clear();
    return nothing;
  }
  return http::Response::Json(answer.dump(-1, ' ', false, json::error_handler_t::replace),
                              endpoint.status);
}

}  // namespace

http::Response Answer(const Endpoint& endpoint, http::Request& request, const control::User& user,
                      control::AccessControl& access) {
  try {
    Result<http::Response> answer = AnswerOf(endpoint, request, user, access);
    if (answer.ok()) return std::move(answer).value();
    if (HttpStatus(answer.status().code()) >= 500) {
      spdlog::warn("{} {}: {}", endpoint.method, endpoint.path, answer.status().ToString());
    }
    return http::ErrorResponse(answer.status());
  } catch (const std::exception& error) {
    spdlog::error("{} {}: {}", endpoint.method, endpoint.path, error.what());
    return http::ErrorResponse(Internal("the request could not be handled",
                                        "look into the log of joey serve and report the error"));
  }
}

}  // namespace joey::api
