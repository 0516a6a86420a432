// Passwords from whoever sits at the terminal.
#pragma once

#include <string>

#include "base/status.h"

namespace joey::cli {

// Asks twice on the terminal without showing what is typed; with `from_stdin` the first line of
// the standard input. FailedPrecondition without a terminal.
Result<std::string> ReadNewPassword(bool from_stdin);

}  // namespace joey::cli
