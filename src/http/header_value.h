// The small grammar that header values share: pieces between separators, blanks around them.
#pragma once

#include <string_view>

namespace joey::http {

// Without the spaces and tabs at both ends.
std::string_view Trimmed(std::string_view text);

// Takes what stands before the first `separator` from `rest`, trimmed; without one, all of it.
std::string_view NextPiece(std::string_view& rest, char separator);

// Whether a comma-separated list holds `word`, whatever its case.
bool ListHas(std::string_view list, std::string_view word);

}  // namespace joey::http
