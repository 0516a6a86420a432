// Users of another OpenID Connect provider, such as Keycloak: its access tokens are verified here,
// its users get to be users here when they are first seen.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "auth/jwt.h"
#include "auth/token_verifier.h"
#include "auth/users.h"

namespace joey::auth {

struct ProviderOptions {
  std::string issuer;  // "https://login.example.com/realms/team"
  std::string client_id = "sdk-client";
  // Who is administrator: "realm_access.roles=joey-admin", a claim and what it is or holds. Empty:
  // nobody by a claim.
  std::string administrator;
};

// Owned by joey serve; `users` must outlive it. Threads: any.
class Provider final : public TokenVerifier {
 public:
  // Checks the options; does not ask the provider yet.
  static Result<std::unique_ptr<Provider>> Make(ProviderOptions options, Users& users);

  const std::string& client_id() const { return options_.client_id; }

  // The provider's own description, kept for a while. kUnavailable when it cannot be had.
  Result<nlohmann::json> Discovery();

  // Tokens that the provider signed for our client, and that have not expired.
  Result<VerifiedToken> Verify(std::string_view token) override;

 private:
  using Keys = std::map<std::string, VerifyKey>;

  Provider(ProviderOptions options, Users& users) : options_(std::move(options)), users_(users) {}
  // The keys; fetched anew when `kid` is not among them or they are old.
  Result<std::shared_ptr<const Keys>> KeysFor(const std::string& kid);
  Status CheckClaims(const nlohmann::json& claims) const;
  bool IsAdministrator(const nlohmann::json& claims) const;

  const ProviderOptions options_;
  Users& users_;
  std::mutex mutex_;                  // also held while fetching: one at a time
  nlohmann::json discovery_;          // guarded by mutex_
  std::int64_t discovered_at_ = 0;    // guarded by mutex_
  std::shared_ptr<const Keys> keys_;  // guarded by mutex_
  std::int64_t keys_fetched_at_ = 0;  // guarded by mutex_
};

}  // namespace joey::auth
