// One path of the API: how it is called, what it answers, who handles it. The table of endpoints
// registers the routes, checks the requests and makes the OpenAPI document.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/fields.h"
#include "control/records.h"
#include "http/message.h"

namespace joey::api {

// A request whose body was checked by the endpoint's fields.
class Call {
 public:
  Call(const nlohmann::json& body, const control::User& user) : body_(body), user_(user) {}

  const nlohmann::json& body() const { return body_; }
  const control::User& user() const { return user_; }

  // Of required fields.
  std::int64_t Integer(const char* key) const { return body_.at(key).get<std::int64_t>(); }
  const std::string& Text(const char* key) const {
    return body_.at(key).get_ref<const std::string&>();
  }
  // Of optional fields; nullopt when missing or null.
  template <typename T>
  std::optional<T> Optional(const char* key) const {
    const auto found = body_.find(key);
    if (found == body_.end() || found->is_null()) return std::nullopt;
    return found->get<T>();
  }

 private:
  const nlohmann::json& body_;
  const control::User& user_;
};

using JsonHandler = std::function<Result<nlohmann::json>(const Call&)>;

struct Endpoint {
  std::string method = "POST";
  std::string path;
  Access access;       // who may call it
  std::string family;  // "models" …: groups the OpenAPI document and the metrics
  std::string summary;
  Fields request;
  std::string response_document;  // the answer is this document …
  Fields response;                // … or an object with these keys
  int status = 200;               // of a good answer
  JsonHandler handler;            // a handler of JSON …
  // … or one of the raw request and answer. Neither: the route is registered elsewhere.
  std::function<http::Response(http::Request&, const control::User&)> raw;
  std::string content_type = "application/json";  // of the request of a raw one
  std::string spool_directory;                    // as http::RouteOptions
  std::size_t body_bytes_max = 0;                 // as http::RouteOptions
};

using Endpoints = std::vector<Endpoint>;

// Parses a request's body; an empty one is {}. Refuses what is no JSON object, and nesting deeper
// than limits::kControlJsonDepthMax.
Result<nlohmann::json> ParseBody(std::string_view body);

// Checks the caller and answers. Never throws.
http::Response Answer(const Endpoint& endpoint, http::Request& request, const control::User& user,
                      control::AccessControl& access);

}  // namespace joey::api
