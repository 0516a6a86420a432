// Reads multipart/form-data bodies (RFC 7578) that lie in memory or in a mapped file.
//
// Promises: nothing is copied but names and headers; parts, header sizes and names are bounded;
// what a client calls a file is only text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey::api {

struct FormPart {
  std::string name;
  std::optional<std::string> file_name;
  std::string_view content;
  std::size_t offset = 0;  // of the content inside the body
};

// The boundary of a Content-Type; UnsupportedMediaType when it is no multipart/form-data.
Result<std::string> BoundaryOf(std::string_view content_type);

// All parts in their order. InvalidArgument for a body that is cut off or not well formed, for two
// parts of one name, and beyond the limits of base/limits.h.
Result<std::vector<FormPart>> ParseMultipart(std::string_view body, std::string_view boundary);

}  // namespace joey::api
