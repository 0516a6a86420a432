#include "auth/sign_in.h"

#include <algorithm>
#include <utility>

#include "auth/limits.h"
#include "base/clock.h"
#include "base/random.h"

namespace joey::auth {

using nlohmann::json;

namespace {

constexpr std::int64_t kMicros = 1000000;
// What an access token says it is, so that no other signed text passes for one.
constexpr std::string_view kTokenType = "Bearer";

}  // namespace

Result<SignIn::PasswordAnswer> SignIn::CheckPassword(std::string_view login,
                                                     std::string_view password,
                                                     std::string_view address) {
  PasswordAnswer answer;
  answer.wait_seconds = attempts_.Begin(login, address);
  if (answer.wait_seconds > 0) return answer;
  JOEY_ASSIGN_OR_RETURN(const auto account, users_.CheckPassword(login, password));
  if (!account) return answer;
  attempts_.Succeeded(login, address);
  answer.user = account->user;
  return answer;
}

Tokens SignIn::TokensOf(const Session& session, std::string refresh_token,
                        const std::string& issuer) const {
  const std::int64_t now = NowMicros() / kMicros;
  const std::int64_t left = session.expires_at / kMicros - now;
  Tokens tokens;
  tokens.expires_in = std::min(kAccessTokenSeconds, left);
  tokens.refresh_token = std::move(refresh_token);
  tokens.refresh_expires_in = left;
  const control::User& user = session.user;
  tokens.access_token = key_.Sign({{"iss", issuer},
                                   {"aud", "joey"},
                                   {"sub", user.id},
                                   {"typ", kTokenType},
                                   {"azp", kClientId},
                                   {"sid", session.id},
                                   {"jti", NewUuid()},
                                   {"iat", now},
                                   {"exp", now + tokens.expires_in},
                                   {"scope", "openid email profile"},
                                   {"email", user.email},
                                   {"preferred_username", user.username}});
  return tokens;
}

Result<Tokens> SignIn::Issue(const control::User& user, const std::string& issuer) {
  JOEY_ASSIGN_OR_RETURN(NewSession made, sessions_.Create(user, Sessions::Kind::kClient));
  return TokensOf(made.session, std::move(made.secret), issuer);
}

Result<std::optional<Tokens>> SignIn::Refresh(std::string_view refresh_token,
                                              const std::string& issuer) {
  JOEY_ASSIGN_OR_RETURN(const auto session,
                        sessions_.FindBySecret(refresh_token, Sessions::Kind::kClient));
  if (!session) return std::optional<Tokens>();
  return std::optional<Tokens>(TokensOf(*session, std::string(refresh_token), issuer));
}

Status SignIn::End(std::string_view refresh_token) {
  JOEY_ASSIGN_OR_RETURN(const auto session,
                        sessions_.FindBySecret(refresh_token, Sessions::Kind::kClient));
  if (!session) return {};
  return sessions_.End(session->id);
}

Result<VerifiedToken> SignIn::Verify(std::string_view token) {
  const VerifyKey& own = key_.verify_key();
  JOEY_ASSIGN_OR_RETURN(const json claims, VerifyJwt(token, [&](const std::string& kid) {
                          return kid == own.kid() ? &own : nullptr;
                        }));
  const Status ended(Code::kUnauthenticated, "the session of this token has ended",
                     "sign in again");
  const auto sid = claims.find("sid");
  if (claims.value("typ", "") != kTokenType || sid == claims.end() || !sid->is_string()) {
    return ended;
  }
  JOEY_ASSIGN_OR_RETURN(const auto session, sessions_.FindById(sid->get<std::string>()));
  if (!session || session->user.id != claims.value("sub", "")) return ended;
  return VerifiedToken{session->user, claims.at("exp").get<std::int64_t>() * kMicros};
}

}  // namespace joey::auth
