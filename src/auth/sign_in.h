// Sign-in with this server's own users: passwords in, tokens out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/attempts.h"
#include "auth/jwt.h"
#include "auth/sessions.h"
#include "auth/token_verifier.h"
#include "auth/users.h"

namespace joey::auth {

// The one client there is; it has no secret (WIRE.md §1.3).
inline constexpr std::string_view kClientId = "sdk-client";

struct Tokens {
  std::string access_token;  // a signed JSON web token
  std::int64_t expires_in = 0;
  std::string refresh_token;
  std::int64_t refresh_expires_in = 0;
};

// Owned by joey serve; the services must outlive it. Threads: any.
class SignIn final : public TokenVerifier {
 public:
  SignIn(Users& users, Sessions& sessions, const SigningKey& key)
      : users_(users), sessions_(sessions), key_(key) {}

  struct PasswordAnswer {
    std::optional<control::User> user;  // nullopt: wrong, whatever of it
    int wait_seconds = 0;               // not 0: too many tries, nothing was looked at
  };
  Result<PasswordAnswer> CheckPassword(std::string_view login, std::string_view password,
                                       std::string_view address);

  // Tokens of a new session of the user. `issuer` is where clients reach this server's realm.
  Result<Tokens> Issue(const control::User& user, const std::string& issuer);
  // Again tokens of the session whose refresh token that is; nullopt when it has ended. The refresh
  // token stays: clients redeem it more than once.
  Result<std::optional<Tokens>> Refresh(std::string_view refresh_token, const std::string& issuer);
  // Ends the session of a refresh token.
  Status End(std::string_view refresh_token);

  // Access tokens of this server whose session goes on.
  Result<VerifiedToken> Verify(std::string_view token) override;

 private:
  Tokens TokensOf(const Session& session, std::string refresh_token,
                  const std::string& issuer) const;

  Users& users_;
  Sessions& sessions_;
  const SigningKey& key_;
  Attempts attempts_;
};

}  // namespace joey::auth
