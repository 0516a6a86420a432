// The rules that names follow, and what an answer about an unknown name looks like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey::control {

// 1 to 63 lower-case ASCII letters, digits and dashes, a letter first, no dash last (guide
// L2418-2420, L6806). `what` is "model" or "pipeline", for the message.
Status CheckName(std::string_view what, std::string_view name);

// 1 to 63 ASCII letters, digits and dashes (guide L1172).
Status CheckWorkspaceName(std::string_view name);

// 1 to 63 ASCII letters, digits, dashes, underscores and dots.
Status CheckConnectionName(std::string_view name);

// 1 to `bytes_max` bytes of UTF-8 without control characters, not only spaces. `key` is for the
// message.
Status CheckText(std::string_view key, std::string_view text, std::size_t bytes_max);

// NotFound "there is no <what> '<name>'" with the nearest of `candidates`, or `hint` without one.
Status NoSuchName(std::string_view what, std::string_view name,
                  const std::vector<std::string>& candidates, const std::string& hint);

// NotFound "there is no <what> with id <id>".
Status NoSuchId(std::string_view what, std::int64_t id, std::string hint);

// A name somebody sent, fit for a message: cut to a sensible length.
std::string Quoted(std::string_view name);

// The last part of a path in either style, without control characters, at most
// limits::kFileNameBytesMax bytes. For display only, never part of a path.
std::string DisplayFileName(std::string_view name);

}  // namespace joey::control
