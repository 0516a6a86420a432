// From the Authorization header of a request to a user.
#pragma once

#include <string>
#include <string_view>

#include "auth/api_tokens.h"
#include "auth/token_cache.h"
#include "auth/users.h"
#include "http/message.h"

namespace joey::auth {

enum class Mode {
  kNone,     // everything belongs to the default user, an administrator; loopback only
  kBuiltin,  // this server's own users
};

// Owned by joey serve; the services must outlive it. Threads: any.
class Authenticator {
 public:
  Authenticator(Mode mode, ApiTokens& api_tokens, const Epoch& epoch);

  Mode mode() const { return mode_; }

  // The user of a request whose token was verified a moment ago; null when Authenticate() must
  // look. Never blocks: for the inference path.
  UserPointer Known(const http::Request& request) const;

  // kUnauthenticated says what is wrong with the token, as far as its sender may know.
  Result<UserPointer> Authenticate(const http::Request& request);

 private:
  Result<UserPointer> Verify(std::string_view token, std::int64_t& expires_at);

  const Mode mode_;
  const UserPointer default_user_;
  ApiTokens& api_tokens_;
  const Epoch& epoch_;
  TokenCache cache_;
};

}  // namespace joey::auth
