#include "auth/authenticator.h"

#include <algorithm>

#include "auth/limits.h"
#include "base/clock.h"

namespace joey::auth {
namespace {

Status NotSignedIn(std::string message) {
  return {Code::kUnauthenticated, std::move(message),
          "sign in (wallaroo.Client(auth_type=\"sso\")), or send an API token as "
          "'Authorization: Bearer TOKEN'"};
}

UserPointer DefaultUser() {
  control::User user;
  user.id = control::kDefaultUserId;
  user.email = control::kDefaultUserEmail;
  user.username = control::kDefaultUserEmail;
  user.administrator = true;
  return std::make_shared<const control::User>(std::move(user));
}

// The token of "Bearer TOKEN"; empty for anything else.
std::string_view BearerOf(std::string_view header) {
  constexpr std::string_view kScheme = "bearer ";
  if (header.size() <= kScheme.size() ||
      !http::EqualsIgnoreCase(header.substr(0, kScheme.size()), kScheme)) {
    return {};
  }
  header.remove_prefix(kScheme.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header.size() <= kTokenBytesMax ? header : std::string_view();
}

bool HasTokenInUrl(const http::Request& request) {
  if (request.target.find('?') == std::string::npos) return false;
  const auto query = request.Query();
  return std::any_of(query.begin(), query.end(), [](const http::QueryParameter& parameter) {
    return parameter.name == "access_token" || parameter.name == "token";
  });
}

}  // namespace

Authenticator::Authenticator(TokenVerifier* verifier, ApiTokens& api_tokens, const Epoch& epoch)
    : verifier_(verifier),
      default_user_(DefaultUser()),
      api_tokens_(api_tokens),
      epoch_(epoch),
      cache_(epoch) {}

UserPointer Authenticator::Known(const http::Request& request) const {
  if (open()) return default_user_;
  const std::string_view token = BearerOf(request.Header("authorization"));
  return token.empty() ? nullptr : cache_.Find(token);
}

Result<UserPointer> Authenticator::Authenticate(const http::Request& request) {
  if (UserPointer known = Known(request)) return known;
  const std::string_view header = request.Header("authorization");
  if (header.empty()) {
    if (HasTokenInUrl(request)) {
      return NotSignedIn("tokens are not taken from URLs, which end up in logs and histories");
    }
    return NotSignedIn("this server needs a sign-in and the request has no token");
  }
  const std::string_view token = BearerOf(header);
  if (token.empty()) return NotSignedIn("the Authorization header is not 'Bearer TOKEN'");
  const std::uint64_t epoch = epoch_.now();
  JOEY_ASSIGN_OR_RETURN(VerifiedToken verified, Verify(token));
  auto user = std::make_shared<const control::User>(std::move(verified.user));
  cache_.Keep(token, user, verified.expires_at, epoch);
  return UserPointer(std::move(user));
}

Result<VerifiedToken> Authenticator::Verify(std::string_view token) {
  if (!token.starts_with(kApiTokenPrefix)) return verifier_->Verify(token);
  JOEY_ASSIGN_OR_RETURN(auto holder, api_tokens_.Verify(token));
  if (!holder) return NotSignedIn("the API token is unknown, revoked or expired");
  return std::move(*holder);
}

}  // namespace joey::auth
