// Values of a JSON object by key, or what is wrong with them.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace joey::drift {

class JsonReader {
 public:
  // `name` is that of the object in messages, "window"; it must be one.
  static Result<JsonReader> Of(const nlohmann::json& parent, const char* name) {
    const auto found = parent.find(name);
    if (found != parent.end() && found->is_object()) return JsonReader(*found, name);
    return Wrong(name, "an object");
  }
  JsonReader(const nlohmann::json& object, std::string name)
      : object_(&object), name_(std::move(name)) {}

  const nlohmann::json& object() const { return *object_; }
  bool Has(const char* key) const {
    const auto found = object_->find(key);
    return found != object_->end() && !found->is_null();
  }
  Result<std::string> Text(const char* key) const {
    if (Has(key) && At(key).is_string()) return At(key).get<std::string>();
    return Wrong(Path(key), "a text");
  }
  Result<std::int64_t> Integer(const char* key) const {
    if (Has(key) && At(key).is_number_integer()) return At(key).get<std::int64_t>();
    return Wrong(Path(key), "a whole number");
  }
  Result<double> Number(const char* key) const {
    if (Has(key) && At(key).is_number() && std::isfinite(At(key).get<double>())) {
      return At(key).get<double>();
    }
    return Wrong(Path(key), "a number");
  }
  // nullopt when missing or null.
  Result<std::optional<double>> OptionalNumber(const char* key) const {
    if (!Has(key)) return std::optional<double>();
    JOEY_ASSIGN_OR_RETURN(const double value, Number(key));
    return std::optional(value);
  }
  // Microseconds.
  Result<std::optional<std::int64_t>> OptionalTime(const char* key) const {
    if (!Has(key)) return std::optional<std::int64_t>();
    JOEY_ASSIGN_OR_RETURN(const std::string text, Text(key));
    const auto micros = ParseMicros(text);
    if (!micros.ok()) return micros.status().WithContext("'" + Path(key) + "'");
    return std::optional(*micros);
  }
  Result<std::int64_t> Time(const char* key) const {
    JOEY_ASSIGN_OR_RETURN(const auto time, OptionalTime(key));
    if (time) return *time;
    return Wrong(Path(key), "a time");
  }
  Result<std::vector<double>> Numbers(const char* key) const {
    if (!Has(key) || !At(key).is_array()) return Wrong(Path(key), "a list of numbers");
    std::vector<double> out;
    out.reserve(At(key).size());
    for (const auto& value : At(key)) {
      if (!value.is_number() || !std::isfinite(value.get<double>())) {
        return Wrong(Path(key), "a list of numbers");
      }
      out.push_back(value.get<double>());
    }
    return out;
  }
  // Empty when missing or null.
  Result<std::vector<std::string>> Texts(const char* key) const {
    std::vector<std::string> out;
    if (!Has(key)) return out;
    if (!At(key).is_array()) return Wrong(Path(key), "a list of texts");
    for (const auto& value : At(key)) {
      if (!value.is_string()) return Wrong(Path(key), "a list of texts");
      out.push_back(value.get<std::string>());
    }
    return out;
  }
  static Status Wrong(const std::string& key, const std::string& expected) {
    return InvalidArgument("'" + key + "' is not " + expected,
                           "see the documents of assays in docs/rest-api.md");
  }
  std::string Path(const char* key) const { return name_.empty() ? key : name_ + "." + key; }

 private:
  const nlohmann::json& At(const char* key) const { return object_->at(key); }

  const nlohmann::json* object_;
  std::string name_;
};

}  // namespace joey::drift
