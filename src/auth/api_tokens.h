// API tokens: long-lived secrets with which machines act for a user. Shown once, kept as digests.
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/epoch.h"
#include "auth/token_verifier.h"
#include "auth/users.h"
#include "store/database.h"

namespace joey::auth {

// What every API token begins with, so that scanners of repositories find lost ones.
inline constexpr std::string_view kApiTokenPrefix = "joey_";

struct ApiToken {
  std::string id;  // UUID
  std::string user_id;
  std::string email;
  std::string name;
  std::int64_t created_at = 0;
  std::optional<std::int64_t> expires_at;
};

struct NewApiToken {
  ApiToken record;
  std::string secret;  // the token itself, never to be seen again
};

class ApiTokens {
 public:
  ApiTokens(Database& database, Epoch& epoch) : database_(database), epoch_(epoch) {}

  // `days` until it expires; nullopt: never. ResourceExhausted beyond kApiTokensMax.
  Result<NewApiToken> Create(std::string_view user_id, std::string_view name,
                             std::optional<std::int64_t> days);
  // Of one user, or of all; newest first.
  Result<std::vector<ApiToken>> List(std::optional<std::string_view> user_id);
  // NotFound when the user (nullopt: any) has no such token.
  Status Revoke(std::string_view id, std::optional<std::string_view> user_id);

  // Whom the token stands for and until when (INT64_MAX: for ever); nullopt when there is no such
  // token, it has expired or its user is disabled.
  Result<std::optional<VerifiedToken>> Verify(std::string_view token);

 private:
  Database& database_;
  Epoch& epoch_;
};

}  // namespace joey::auth
