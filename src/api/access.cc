#include "api/access.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace joey::api {

using control::ResourceKey;
using control::Role;
using nlohmann::json;

namespace {

// The number of the path parameter `key`, written "{name}", in a path such as "/a/{x}/{y}".
std::optional<std::size_t> PlaceIn(std::string_view path, std::string_view key) {
  std::size_t place = 0;
  for (std::size_t open = path.find('{'); open != std::string_view::npos;
       open = path.find('{', open + 1)) {
    if (path.substr(open).starts_with(key)) return place;
    ++place;
  }
  return std::nullopt;
}

// What a value of a checked body names.
std::vector<ResourceKey> KeysOf(const json& value) {
  std::vector<ResourceKey> out;
  if (value.is_array()) {
    std::set<std::int64_t> numbers;
    for (const json& item : value) numbers.insert(item.get<std::int64_t>());
    out.assign(numbers.begin(), numbers.end());
  } else if (value.is_string()) {
    out.emplace_back(value.get<std::string>());
  } else if (value.is_number_integer()) {
    out.emplace_back(value.get<std::int64_t>());
  }
  return out;
}

}  // namespace

Access Access::Anybody() { return {Who::kAnybody, {}}; }
Access Access::Engines() { return {Who::kEngines, {}}; }
Access Access::Users() { return {Who::kUsers, {}}; }
Access Access::Members(std::vector<Named> named) { return {Who::kMembers, std::move(named)}; }
Access Access::Owners(std::vector<Named> named) { return {Who::kOwners, std::move(named)}; }
Access Access::Administrators() { return {Who::kAdministrators, {}}; }
Access Access::MembersByHandler(std::vector<Named> named) {
  return {Who::kMembers, std::move(named), true};
}

std::string Access::Text() const {
  std::string keys;
  for (const Named& named : named_) {
    keys += (keys.empty() ? "`" : ", `") + std::string(named.key) + "`";
  }
  switch (who_) {
    case Who::kAnybody:
      return "anybody";
    case Who::kEngines:
      return "engines";
    case Who::kUsers:
      return "users";
    case Who::kMembers:
      return "members of " + keys;
    case Who::kOwners:
      return "owners of " + keys;
    case Who::kAdministrators:
      return "administrators";
  }
  return "";
}

Status Access::Check(control::AccessControl& control, const control::User& user,
                     std::string_view path, const std::vector<std::string>& path_parameters,
                     const json& body) const {
  if (who_ == Who::kAdministrators && !user.administrator) {
    return {Code::kPermissionDenied, "only an administrator may do this",
            "ask an administrator of this server"};
  }
  if (by_handler_) return {};
  Role needed = who_ == Who::kOwners ? Role::kOwner : Role::kCollaborator;
  for (const Named& named : named_) {
    std::vector<ResourceKey> keys;
    if (named.key[0] == '{') {
      const auto place = PlaceIn(path, named.key);
      if (!place || *place >= path_parameters.size())
        return Internal("a path has no such parameter");
      keys.emplace_back(path_parameters[*place]);
    } else if (const auto found = body.find(named.key); found != body.end()) {
      keys = KeysOf(*found);
    }
    for (const ResourceKey& key : keys) {
      JOEY_RETURN_IF_ERROR(control.Require(user, needed, named.resource, key));
    }
    needed = Role::kCollaborator;
  }
  return {};
}

Status Access::CheckDocument(control::AccessControl& control, const control::User& user,
                             const json& document) const {
  Access checked = *this;
  checked.by_handler_ = false;
  return checked.Check(control, user, "", {}, document);
}

}  // namespace joey::api
