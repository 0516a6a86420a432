#include "auth/provider.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "auth/base64url.h"
#include "auth/limits.h"
#include "base/clock.h"
#include "base/socket_address.h"
#include "http/fetch.h"
#include "http/message.h"

namespace joey::auth {

using nlohmann::json;

namespace {

std::int64_t NowSeconds() { return NowMicros() / 1000000; }

Status NotTaken(std::string what) {
  return {Code::kUnauthenticated, "the token " + std::move(what), "sign in again"};
}

std::string Text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Whether a claim is the text, or a list that holds it.
bool IsOrHolds(const json& claim, std::string_view text) {
  if (claim.is_string()) return claim.get_ref<const std::string&>() == text;
  return claim.is_array() && std::any_of(claim.begin(), claim.end(), [&](const json& item) {
           return item.is_string() && item.get_ref<const std::string&>() == text;
         });
}

// In the clear only on this machine.
bool IsSafeAddress(std::string_view url) {
  if (url.starts_with("https://")) return true;
  constexpr std::string_view kPlain = "http://";
  if (!url.starts_with(kPlain)) return false;
  url.remove_prefix(kPlain.size());
  std::string_view host = url.substr(0, url.find('/'));
  host = host.substr(0, host.rfind(':'));
  return HostPort{std::string(host), 0}.IsLoopback();
}

}  // namespace

Result<std::unique_ptr<Provider>> Provider::Make(ProviderOptions options, Users& users) {
  while (options.issuer.ends_with('/')) options.issuer.pop_back();
  if (!IsSafeAddress(options.issuer)) {
    return InvalidArgument("'" + options.issuer + "' is no https:// address of an issuer",
                           "give --oidc-issuer, for example https://login.example.com/realms/team");
  }
  if (options.client_id.empty()) return InvalidArgument("--oidc-client is empty");
  if (!options.administrator.empty()) {
    const std::size_t equals = options.administrator.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return InvalidArgument("'" + options.administrator + "' is no CLAIM=VALUE",
                             "give --oidc-admin, for example realm_access.roles=joey-admin");
    }
  }
  return std::unique_ptr<Provider>(new Provider(std::move(options), users));
}

Result<json> Provider::Discovery() {
  std::lock_guard lock(mutex_);
  if (!discovery_.is_null() && NowSeconds() - discovered_at_ < kProviderKeepSeconds) {
    return discovery_;
  }
  JOEY_ASSIGN_OR_RETURN(json document,
                        http::FetchJson(options_.issuer + "/.well-known/openid-configuration"));
  if (Text(document, "issuer") != options_.issuer) {
    return FailedPrecondition("the provider says its issuer is '" + Text(document, "issuer") + "'",
                              "give exactly that as --oidc-issuer");
  }
  if (!IsSafeAddress(Text(document, "jwks_uri"))) {
    return FailedPrecondition("the provider's keys are at no https:// address");
  }
  discovery_ = std::move(document);
  discovered_at_ = NowSeconds();
  return discovery_;
}

Result<std::shared_ptr<const Provider::Keys>> Provider::KeysFor(const std::string& kid) {
  JOEY_ASSIGN_OR_RETURN(const json discovery, Discovery());
  std::lock_guard lock(mutex_);
  const std::int64_t age = NowSeconds() - keys_fetched_at_;
  if (keys_ != nullptr) {
    const bool known = keys_->contains(kid);
    // Whoever sends made-up key names must not make us ask the provider all the time.
    if (age < (known ? kProviderKeepSeconds : kProviderAskAgainSeconds)) return keys_;
  }
  Result<json> document = http::FetchJson(Text(discovery, "jwks_uri"));
  if (!document.ok()) {
    if (keys_ == nullptr) return document.status();
    spdlog::warn("the provider's keys are not renewed: {}", document.status().ToString());
    return keys_;
  }
  auto keys = std::make_shared<Keys>();
  const auto list = document->find("keys");
  if (list != document->end() && list->is_array()) {
    for (const json& jwk : *list) {
      Result<VerifyKey> key = VerifyKey::FromJwk(jwk);
      if (key.ok()) keys->insert_or_assign(key->kid(), *key);
    }
  }
  keys_ = std::move(keys);
  keys_fetched_at_ = NowSeconds();
  return keys_;
}

Status Provider::CheckClaims(const json& claims) const {
  if (Text(claims, "iss") != options_.issuer) return NotTaken("is of another issuer");
  // What is no access token may be signed with the same key.
  const std::string type = Text(claims, "typ");
  if (!type.empty() && !http::EqualsIgnoreCase(type, "Bearer")) return NotTaken("is none to use");
  const auto audience = claims.find("aud");
  const bool ours = Text(claims, "azp") == options_.client_id ||
                    Text(claims, "client_id") == options_.client_id ||
                    (audience != claims.end() && IsOrHolds(*audience, options_.client_id));
  if (!ours) return NotTaken("was made for another client");
  if (Text(claims, "sub").empty()) return NotTaken("names no user");
  if (Text(claims, "email").empty()) {
    return NotTaken("has no email; the provider must put it in access tokens");
  }
  return {};
}

bool Provider::IsAdministrator(const json& claims) const {
  if (options_.administrator.empty()) return false;
  const std::size_t equals = options_.administrator.find('=');
  const json* claim = &claims;
  std::string_view path = std::string_view(options_.administrator).substr(0, equals);
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const auto found = claim->is_object() ? claim->find(path.substr(0, dot)) : claim->end();
    if (!claim->is_object() || found == claim->end()) return false;
    claim = &*found;
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return IsOrHolds(*claim, std::string_view(options_.administrator).substr(equals + 1));
}

Result<VerifiedToken> Provider::Verify(std::string_view token) {
  // The name of the key is needed before the token is believed in anything.
  const auto header = DecodeBase64Url(token.substr(0, token.find('.')));
  const json parsed = header ? json::parse(*header, nullptr, false) : json();
  if (!parsed.is_object()) return NotTaken("is not one of the provider");
  JOEY_ASSIGN_OR_RETURN(const auto keys, KeysFor(Text(parsed, "kid")));
  JOEY_ASSIGN_OR_RETURN(const json claims, VerifyJwt(
                                               token,
                                               [&](const std::string& kid) {
                                                 const auto found = keys->find(kid);
                                                 return found == keys->end() ? nullptr
                                                                             : &found->second;
                                               },
                                               kProviderSkewSeconds));
  JOEY_RETURN_IF_ERROR(CheckClaims(claims));
  NewUser user;
  user.id = Text(claims, "sub");
  user.email = Text(claims, "email");
  user.username = Text(claims, "preferred_username");
  user.administrator = IsAdministrator(claims);
  JOEY_ASSIGN_OR_RETURN(const Account account, users_.Sync(user));
  if (!account.enabled) return NotTaken("is of a user who is disabled here");
  const auto expires = static_cast<std::int64_t>(claims.at("exp").get<double>());
  return VerifiedToken{account.user, (expires + kProviderSkewSeconds) * 1000000};
}

}  // namespace joey::auth
