#include "api/openapi.h"

#include <algorithm>
#include <cctype>

#include "api/documents.h"

namespace joey::api {

using nlohmann::json;

namespace {

json ContentOf(const Endpoint& endpoint) {
  if (endpoint.handler == nullptr && endpoint.raw == nullptr) return json::object();
  json schema;
  if (!endpoint.response_document.empty()) {
    schema = {{"$ref", SchemaReference(endpoint.response_document)}};
  } else if (!endpoint.response.empty()) {
    schema = SchemaOf(endpoint.response);
  } else {
    schema = json::object();
  }
  return {{"application/json", {{"schema", std::move(schema)}}}};
}

json ParametersOf(std::string_view path) {
  json out = json::array();
  for (std::size_t open = path.find('{'); open != std::string_view::npos;
       open = path.find('{', open + 1)) {
    const std::size_t close = path.find('}', open);
    out.push_back({{"name", path.substr(open + 1, close - open - 1)},
                   {"in", "path"},
                   {"required", true},
                   {"schema", {{"type", "string"}}}});
  }
  return out;
}

std::string OperationId(const Endpoint& endpoint) {
  std::string out = endpoint.method;
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char c : endpoint.path) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += c;
    } else if (out.back() != '_') {
      out += '_';
    }
  }
  return out;
}

json OperationOf(const Endpoint& endpoint) {
  json answer = {{"description", "ok"}};
  if (json content = ContentOf(endpoint); !content.empty()) answer["content"] = std::move(content);
  json operation = {
      {"operationId", OperationId(endpoint)},
      {"tags", json::array({endpoint.family})},
      {"summary", endpoint.summary},
      {"x-access", endpoint.access.Text()},
      {"responses",
       {{std::to_string(endpoint.status), std::move(answer)},
        {"default",
         {{"description", "an error"},
          {"content",
           {{"application/json", {{"schema", {{"$ref", SchemaReference("error")}}}}}}}}}}}};
  if (!endpoint.access.needs_user()) operation["security"] = json::array();
  if (json parameters = ParametersOf(endpoint.path); !parameters.empty()) {
    operation["parameters"] = std::move(parameters);
  }
  if ((endpoint.method == "POST" || endpoint.method == "PUT") &&
      (endpoint.handler != nullptr || endpoint.raw != nullptr)) {
    operation["requestBody"] = {
        {"required", true},
        {"content", {{endpoint.content_type, {{"schema", SchemaOf(endpoint.request)}}}}}};
  }
  return operation;
}

}  // namespace

std::string OpenApiDocument(const Endpoints& endpoints, std::string_view version) {
  json paths = json::object();
  for (const Endpoint& endpoint : endpoints) {
    std::string method = endpoint.method;
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    paths[endpoint.path][method] = OperationOf(endpoint);
  }
  json schemas = json::object();
  for (const auto& [name, fields] : DocumentFields()) schemas[name] = SchemaOf(fields);
  const json document = {
      {"openapi", "3.1.0"},
      {"info", {{"title", "Joey"}, {"version", version}}},
      {"paths", std::move(paths)},
      {"security", json::array({{{"bearer", json::array()}}})},
      {"components",
       {{"schemas", std::move(schemas)},
        {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return document.dump();
}

}  // namespace joey::api
