#include "api/forms.h"

#include <algorithm>

#include "http/header_value.h"

namespace joey::api {
namespace {

const std::string kEmpty;

}  // namespace

Result<Form> Form::Of(const http::Request& request) {
  std::string_view header = request.Header("content-type");
  const std::string_view type = http::NextPiece(header, ';');
  // Also what keeps other pages' scripts out: this type only forms may send across origins, and
  // those are told by their token.
  if (!http::EqualsIgnoreCase(type, "application/x-www-form-urlencoded")) {
    return Status(Code::kUnsupportedMediaType, "the body is no form",
                  "send application/x-www-form-urlencoded");
  }
  Form form;
  form.fields_ = http::ParseQuery(request.body.view());
  return form;
}

const std::string& Form::operator[](std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const auto& field) { return field.name == name; });
  return found == fields_.end() ? kEmpty : found->value;
}

std::string QueryValue(const http::Request& request, std::string_view name) {
  for (const http::QueryParameter& parameter : request.Query()) {
    if (parameter.name == name) return parameter.value;
  }
  return {};
}

std::string CookieOf(const http::Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (!http::EqualsIgnoreCase(key, "cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::string_view pair = http::NextPiece(rest, ';');
      const std::size_t equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
        return std::string(pair.substr(equals + 1));
      }
    }
  }
  return {};
}

bool IsSecure(const Site& site, const http::Request& request) {
  if (!site.public_url.empty()) return site.public_url.starts_with("https://");
  if (site.behind_proxy) return request.Header("x-forwarded-proto") == "https";
  return site.secure;
}

std::string BaseUrl(const Site& site, const http::Request& request) {
  if (!site.public_url.empty()) return site.public_url;
  // The server has checked Host against the names it answers for.
  return (IsSecure(site, request) ? "https://" : "http://") + std::string(request.Header("host"));
}

std::string ClientAddress(const Site& site, const http::Request& request) {
  if (site.behind_proxy) {
    // The last one is what our proxy saw; those before it anybody can write.
    const std::string_view forwarded = request.Header("x-forwarded-for");
    const std::string_view last = http::Trimmed(forwarded.substr(forwarded.rfind(',') + 1));
    if (!last.empty()) return std::string(last.substr(0, 64));
  }
  return request.peer;
}

}  // namespace joey::api
