// What the endpoints below /auth work with, in `--auth builtin`.
#pragma once

#include <string>

#include "api/endpoint.h"
#include "api/forms.h"
#include "auth/device_grants.h"
#include "auth/provider.h"
#include "auth/sessions.h"
#include "auth/sign_in.h"
#include "auth/users.h"

namespace joey::api {

// The paths of the realm that the public client has built in (WIRE.md §1.3).
inline constexpr std::string_view kRealmPath = "/auth/realms/master";

struct Identity {
  auth::Users& users;
  auth::Sessions& sessions;
  auth::DeviceGrants& devices;
  auth::SignIn& sign_in;
  const auth::SigningKey& key;
  Site site;
  std::string setup_code;  // secret of the link that makes the first administrator; empty: none
};

inline constexpr std::string_view kSetupPath = "/auth/setup";

// OpenID Connect: discovery, keys, tokens, user information.
Endpoints OidcEndpoints(const Identity& identity);
// Pages: sign-in, confirmation of a device, the account, the first administrator.
Endpoints PageEndpoints(const Identity& identity);
// The few calls of Keycloak's admin API that the public client makes (WIRE.md §1.5).
Endpoints AdminUserEndpoints(auth::Users& users);
Endpoint UserInfoEndpoint();
// In the place of the first two where users are another provider's; it must outlive them.
Endpoints ForeignSignInEndpoints(auth::Provider& provider);
// The same where nobody needs to sign in.
Endpoints NoSignInEndpoints();

// An error of OAuth (RFC 6749 §5.2).
http::Response OAuthError(int status, std::string_view error, std::string_view description);

}  // namespace joey::api
