// Sign-ins: in a browser (a cookie) or of a client (a refresh token, which may be used again and
// again). Access tokens name their session and die with it. Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "auth/epoch.h"
#include "auth/users.h"
#include "store/database.h"

namespace joey::auth {

struct Session {
  std::string id;
  control::User user;
  std::int64_t expires_at = 0;  // microseconds since 1970
};

struct NewSession {
  Session session;
  std::string secret;  // the cookie or the refresh token; kept as a digest only
};

class Sessions {
 public:
  enum class Kind { kBrowser, kClient };

  Sessions(Database& database, Epoch& epoch) : database_(database), epoch_(epoch) {}

  // The oldest sessions of a user beyond kSessionsMax end.
  Result<NewSession> Create(const control::User& user, Kind kind);

  // A session that has not expired and whose user is enabled; nullopt otherwise.
  Result<std::optional<Session>> FindBySecret(std::string_view secret, Kind kind);
  Result<std::optional<Session>> FindById(std::string_view id);

  // Ends it; one that is not there has ended.
  Status End(std::string_view id);

 private:
  Result<std::optional<Session>> Find(std::string_view condition, std::string_view value,
                                      std::string_view kind);

  Database& database_;
  Epoch& epoch_;
};

}  // namespace joey::auth
