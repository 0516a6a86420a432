// Base64 for URLs, without padding (RFC 4648 §5), as JSON web tokens are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace joey::auth {

std::string EncodeBase64Url(std::string_view bytes);
// nullopt for anything that EncodeBase64Url() does not write.
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace joey::auth
