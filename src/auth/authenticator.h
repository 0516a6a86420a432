// From the Authorization header of a request to a user.
#pragma once

#include <string>
#include <string_view>

#include "auth/api_tokens.h"
#include "auth/token_cache.h"
#include "auth/token_verifier.h"
#include "auth/users.h"
#include "http/message.h"

namespace joey::auth {

// Owned by joey serve; the services must outlive it. Threads: any.
class Authenticator {
 public:
  // `verifier` knows tokens that are no API tokens. Without it everything belongs to the default
  // user, an administrator, and tokens are not looked at.
  Authenticator(TokenVerifier* verifier, ApiTokens& api_tokens, const Epoch& epoch);

  bool open() const { return verifier_ == nullptr; }

  // The user of a request whose token was verified a moment ago; null when Authenticate() must
  // look. Never blocks: for the inference path.
  UserPointer Known(const http::Request& request) const;

  // kUnauthenticated says what is wrong with the token, as far as its sender may know.
  Result<UserPointer> Authenticate(const http::Request& request);

 private:
  Result<VerifiedToken> Verify(std::string_view token);

  TokenVerifier* const verifier_;
  const UserPointer default_user_;
  ApiTokens& api_tokens_;
  const Epoch& epoch_;
  TokenCache cache_;
};

}  // namespace joey::auth
