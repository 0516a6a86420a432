// Who stands behind an access token.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "control/records.h"

namespace joey::auth {

struct VerifiedToken {
  control::User user;
  std::int64_t expires_at = 0;  // microseconds since 1970
};

class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;
  // Any thread; may block. kUnauthenticated says what is wrong, as far as the sender may know.
  virtual Result<VerifiedToken> Verify(std::string_view token) = 0;
};

}  // namespace joey::auth
