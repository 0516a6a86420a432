// What browsers send: forms, cookies, and where the request came from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace joey::api {

// How clients reach this server, for the URLs that it tells them.
struct Site {
  std::string public_url;     // fixed by the operator; empty: what each request says
  bool secure = false;        // TLS
  bool behind_proxy = false;  // a proxy before it ends TLS and says so in X-Forwarded-…
};

// The fields of a body in application/x-www-form-urlencoded; InvalidArgument for another type.
class Form {
 public:
  static Result<Form> Of(const http::Request& request);
  // Empty when there is none.
  const std::string& operator[](std::string_view name) const;

 private:
  std::vector<http::QueryParameter> fields_;
};

// The value of a parameter of the URL; empty when there is none.
std::string QueryValue(const http::Request& request, std::string_view name);

// The value of a cookie; empty when there is none.
std::string CookieOf(const http::Request& request, std::string_view name);

// "https://joey.example.com", without a slash at the end.
std::string BaseUrl(const Site& site, const http::Request& request);
bool IsSecure(const Site& site, const http::Request& request);
// Of the client, as far as it is known.
std::string ClientAddress(const Site& site, const http::Request& request);

}  // namespace joey::api
