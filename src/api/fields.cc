#include "api/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "api/documents.h"

namespace joey::api {

using nlohmann::json;

namespace {

bool IsInteger(const json& value) {
  if (value.is_number_unsigned()) {
    return value.get<std::uint64_t>() <=
           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  }
  return value.is_number_integer();
}

template <typename Predicate>
bool IsListOf(const json& value, Predicate predicate) {
  return value.is_array() && std::all_of(value.begin(), value.end(), predicate);
}

bool Matches(const json& value, const Field& field) {
  switch (field.type) {
    case Type::kInteger:
      return IsInteger(value);
    case Type::kNumber:
      return value.is_number() && std::isfinite(value.get<double>());
    case Type::kText:
    case Type::kUuid:
    case Type::kTime:
      return value.is_string();
    case Type::kBoolean:
      return value.is_boolean();
    case Type::kObject:
    case Type::kDocument:
      return value.is_object();
    case Type::kTexts:
      return IsListOf(value, [](const json& v) { return v.is_string(); });
    case Type::kIntegers:
      return IsListOf(value, IsInteger);
    case Type::kList:
      return value.is_array();
    case Type::kDocuments:
      return IsListOf(value, [](const json& v) { return v.is_object(); });
  }
  return false;
}

const char* Expected(Type type) {
  switch (type) {
    case Type::kInteger:
      return "an integer";
    case Type::kNumber:
      return "a number";
    case Type::kText:
      return "a text";
    case Type::kUuid:
      return "a UUID as text";
    case Type::kTime:
      return "a time as text";
    case Type::kBoolean:
      return "true or false";
    case Type::kObject:
    case Type::kDocument:
      return "an object";
    case Type::kTexts:
      return "a list of texts";
    case Type::kIntegers:
      return "a list of integers";
    case Type::kList:
      return "a list";
    case Type::kDocuments:
      return "a list of objects";
  }
  return "";
}

const char* Found(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "a list";
    case json::value_t::string:
      return "a text";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::number_float:
      return "a number with a fraction";
    default:
      return "a number";
  }
}

json SchemaOfField(const Field& field) {
  switch (field.type) {
    case Type::kInteger:
      return {{"type", "integer"}, {"format", "int64"}};
    case Type::kNumber:
      return {{"type", "number"}};
    case Type::kText:
      return {{"type", "string"}};
    case Type::kUuid:
      return {{"type", "string"}, {"format", "uuid"}};
    case Type::kTime:
      return {{"type", "string"}, {"format", "date-time"}};
    case Type::kBoolean:
      return {{"type", "boolean"}};
    case Type::kObject:
      return {{"type", "object"}};
    case Type::kTexts:
      return {{"type", "array"}, {"items", {{"type", "string"}}}};
    case Type::kIntegers:
      return {{"type", "array"}, {"items", {{"type", "integer"}}}};
    case Type::kList:
      return {{"type", "array"}, {"items", json::object()}};
    case Type::kDocument:
      return {{"$ref", SchemaReference(field.document)}};
    case Type::kDocuments:
      return {{"type", "array"}, {"items", {{"$ref", SchemaReference(field.document)}}}};
  }
  return json::object();
}

}  // namespace

Status CheckFields(const json& object, const Fields& fields) {
  if (!object.is_object()) {
    return InvalidArgument(fmt::format("the body is {}, an object was expected", Found(object)),
                           "send a JSON object");
  }
  for (const Field& field : fields) {
    const auto found = object.find(field.name);
    if (found == object.end()) {
      if (field.presence == Presence::kOptional) continue;
      return InvalidArgument(fmt::format("'{}' is missing", field.name),
                             fmt::format("send {}", Expected(field.type)));
    }
    if (found->is_null() && field.presence != Presence::kRequired) continue;
    if (!Matches(*found, field)) {
      return InvalidArgument(fmt::format("'{}' is {}, {} was expected", field.name, Found(*found),
                                         Expected(field.type)),
                             fmt::format("send {}", Expected(field.type)));
    }
  }
  return {};
}

json SchemaOf(const Fields& fields) {
  json properties = json::object();
  json required = json::array();
  for (const Field& field : fields) {
    json schema = SchemaOfField(field);
    if (field.presence != Presence::kRequired) {
      schema = {{"anyOf", json::array({std::move(schema), {{"type", "null"}}})}};
    }
    properties[field.name] = std::move(schema);
    if (field.presence != Presence::kOptional) required.push_back(field.name);
  }
  json out = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

}  // namespace joey::api
