#include "api/visitor.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "auth/limits.h"
#include "base/random.h"
#include "base/sha256.h"

namespace joey::api {
namespace {

constexpr std::string_view kSessionCookie = "joey_session";
constexpr std::string_view kFormCookie = "joey_form";
constexpr const char* kFormField = "form_token";
constexpr std::size_t kFormSecretBytes = 32;

std::string Cookie(std::string_view name, std::string_view value, std::string_view same_site,
                   std::int64_t seconds, bool secure) {
  return fmt::format("{}={}; Path=/auth; HttpOnly; SameSite={}; Max-Age={}{}", name, value,
                     same_site, seconds, secure ? "; Secure" : "");
}

}  // namespace

Result<Visitor> Visitor::Of(auth::Sessions& sessions, const Site& site,
                            const http::Request& request) {
  Visitor visitor;
  visitor.secure_ = IsSecure(site, request);
  visitor.session_cookie_ = CookieOf(request, kSessionCookie);
  if (!visitor.session_cookie_.empty()) {
    JOEY_ASSIGN_OR_RETURN(visitor.session_, sessions.FindBySecret(visitor.session_cookie_,
                                                                  auth::Sessions::Kind::kBrowser));
  }
  visitor.form_cookie_ = CookieOf(request, kFormCookie);
  if (!IsSha256Hex(visitor.form_cookie_)) {  // 32 random bytes look like a digest
    visitor.form_cookie_ = RandomHex(kFormSecretBytes);
    visitor.new_form_ = true;
  }
  return visitor;
}

std::string Visitor::Token() const {
  // Bound to the sign-in: a page that was shown before it is of no use after it.
  return Sha256::Hex("form:" + form_cookie_ + ":" + (session_ ? session_->id : ""));
}

std::string Visitor::FormField() const {
  return fmt::format("<input type=\"hidden\" name=\"{}\" value=\"{}\">", kFormField, Token());
}

bool Visitor::FormIsOurs(const Form& form) const {
  const std::string expected = Token();
  const std::string& sent = form[kFormField];
  return !new_form_ && sent.size() == expected.size() &&
         CRYPTO_memcmp(sent.data(), expected.data(), expected.size()) == 0;
}

void Visitor::SignedIn(const auth::NewSession& session) {
  session_ = session.session;
  session_cookie_ = session.secret;
  new_session_ = true;
}

void Visitor::SignedOut() {
  session_.reset();
  session_cookie_.clear();
  new_session_ = true;
}

http::Response Visitor::Finish(http::Response response) const {
  if (new_form_) {
    response.headers.emplace_back("Set-Cookie", Cookie(kFormCookie, form_cookie_, "Strict",
                                                       auth::kBrowserSessionSeconds, secure_));
  }
  if (new_session_) {
    // Lax: the address of a device confirmation may be a link in a notebook of another site.
    const std::int64_t seconds = session_ ? auth::kBrowserSessionSeconds : 0;
    response.headers.emplace_back("Set-Cookie",
                                  Cookie(kSessionCookie, session_cookie_, "Lax", seconds, secure_));
  }
  return response;
}

}  // namespace joey::api
