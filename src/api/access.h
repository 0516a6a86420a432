// What an endpoint asks of its caller, as a field of the table of endpoints that has no default: an
// endpoint without one does not compile. docs/access.md lists them all.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "control/access.h"

namespace joey::api {

// A thing that a request names: under a key of its body, or as a path parameter "{name}".
struct Named {
  control::Resource resource;
  const char* key;
};

class Access {
 public:
  // Without a sign-in.
  static Access Anybody();
  // With the secret that this server gives its engines.
  static Access Engines();
  // Everybody who signed in; answers hold what the caller sees.
  static Access Users();
  // Who sees everything that the request names; a list of numbers names several things. Keys that
  // are missing name nothing.
  static Access Members(std::vector<Named> named);
  // Who owns the first of them and sees the others.
  static Access Owners(std::vector<Named> named);
  static Access Administrators();
  // As Members(), checked by the handler, for it alone can read the document (an upload).
  static Access MembersByHandler(std::vector<Named> named);

  bool needs_user() const { return who_ != Who::kAnybody && who_ != Who::kEngines; }

  // "members of `workspace_id`": for documents.
  std::string Text() const;

  // Unauthenticated, PermissionDenied or NotFound when the caller may not. Path parameters are
  // those of `path`, in its order. Does nothing where the handler checks.
  Status Check(control::AccessControl& control, const control::User& user, std::string_view path,
               const std::vector<std::string>& path_parameters, const nlohmann::json& body) const;

  // For a handler that checks by itself.
  Status CheckDocument(control::AccessControl& control, const control::User& user,
                       const nlohmann::json& document) const;

 private:
  enum class Who { kAnybody, kEngines, kUsers, kMembers, kOwners, kAdministrators };

  Access(Who who, std::vector<Named> named, bool by_handler = false)
      : who_(who), named_(std::move(named)), by_handler_(by_handler) {}

  Who who_;
  std::vector<Named> named_;
  bool by_handler_;
};

}  // namespace joey::api
