// The pages of sign-in: a few words of HTML around escaped text, no script.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace joey::api {

// Text as it may stand between tags and inside quoted attributes.
std::string Escape(std::string_view text);

// A whole page that shows `body` (HTML; whoever makes it escapes what came from outside) under
// `title` (text). Not kept by caches, not shown inside other pages, and nothing is loaded from
// elsewhere.
http::Response Page(std::string_view title, std::string_view body, int status = 200);

// The style sheet that pages refer to, at kStylePath.
inline constexpr std::string_view kStylePath = "/auth/style.css";
http::Response StyleSheet();

}  // namespace joey::api
