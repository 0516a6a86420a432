// GET of a JSON document from another server, with TLS, by libcurl. Blocking: not for I/O threads.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"

namespace joey::http {

// The object at an http(s) URL. Redirects are not followed. kUnavailable when it cannot be had.
// libcurl and the dozen libraries it brings are opened at the first call: an engine never has them.
Result<nlohmann::json> FetchJson(const std::string& url);

}  // namespace joey::http
