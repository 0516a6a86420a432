// Passwords: Argon2id in its encoded form ("$argon2id$v=19$m=…"), so that parameters can grow.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace joey::auth {

// InvalidArgument when a new password is too short, too long, or the user's own name.
Status CheckNewPassword(std::string_view password, std::string_view email);

// Both take tens of milliseconds and tens of megabytes; a few run at once, others wait.
Result<std::string> HashPassword(std::string_view password);
// Whether the password is the one of `hash`. An empty hash matches nothing and takes as long.
bool PasswordMatches(std::string_view password, const std::string& hash);

}  // namespace joey::auth
