#include "api/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "http/message.h"

namespace joey::api {
namespace {

constexpr std::size_t kBoundaryBytesMax = 70;  // RFC 2046 §5.1.1
constexpr std::string_view kHint =
    "send multipart/form-data with the parts 'metadata' (JSON) and 'file'";

Status Malformed(std::string_view why) {
  return InvalidArgument(fmt::format("the multipart body {}", why), std::string(kHint));
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The value of a parameter such as `name` in `form-data; name="file"`.
std::optional<std::string> Parameter(std::string_view value, std::string_view wanted) {
  std::size_t at = value.find(';');
  while (at != std::string_view::npos && at < value.size()) {
    ++at;
    const std::size_t equals = value.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = Trim(value.substr(at, equals - at));
    std::string text;
    std::size_t end = equals + 1;
    while (end < value.size() && (value[end] == ' ' || value[end] == '\t')) ++end;
    if (end < value.size() && value[end] == '"') {
      for (++end; end < value.size() && value[end] != '"'; ++end) {
        // Only a quote is escaped: some clients send Windows paths with plain backslashes.
        if (value[end] == '\\' && end + 1 < value.size() && value[end + 1] == '"') ++end;
        text += value[end];
      }
      if (end >= value.size()) return std::nullopt;
      end = value.find(';', end);
    } else {
      const std::size_t stop = value.find(';', end);
      text = Trim(value.substr(end, stop == std::string_view::npos ? stop : stop - end));
      end = stop;
    }
    if (http::EqualsIgnoreCase(name, wanted)) return text;
    at = end;
  }
  return std::nullopt;
}

// file_name*=UTF-8''percent%20encoded
std::optional<std::string> ExtendedParameter(std::string_view value, std::string_view wanted) {
  const auto text = Parameter(value, wanted);
  if (!text) return std::nullopt;
  constexpr std::string_view kUtf8 = "UTF-8''";
  if (text->size() < kUtf8.size() ||
      !http::EqualsIgnoreCase(std::string_view(*text).substr(0, kUtf8.size()), kUtf8)) {
    return std::nullopt;
  }
  return http::PercentDecode(std::string_view(*text).substr(kUtf8.size()), false);
}

Status ReadHeaders(std::string_view headers, FormPart& part) {
  bool named = false;
  while (!headers.empty()) {
    const std::size_t end = headers.find("\r\n");
    const std::string_view line = headers.substr(0, end);
    headers.remove_prefix(end == std::string_view::npos ? headers.size() : end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Malformed("has a header line without a colon");
    if (!http::EqualsIgnoreCase(line.substr(0, colon), "Content-Disposition")) continue;
    const std::string_view value = Trim(line.substr(colon + 1));
    if (named || !http::EqualsIgnoreCase(Trim(value.substr(0, value.find(';'))), "form-data")) {
      return Malformed("has a part whose Content-Disposition is not form-data");
    }
    const auto name = Parameter(value, "name");
    if (!name || name->empty() || name->size() > limits::kNameBytesMax) {
      return Malformed("has a part without a usable name");
    }
    part.name = *name;
    part.file_name = ExtendedParameter(value, "filename*");
    if (!part.file_name) part.file_name = Parameter(value, "filename");
    named = true;
  }
  return named ? Status() : Malformed("has a part without Content-Disposition");
}

}  // namespace

Result<std::string> BoundaryOf(std::string_view content_type) {
  const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
  if (!http::EqualsIgnoreCase(type, "multipart/form-data")) {
    return Status(Code::kUnsupportedMediaType, "the body is not multipart/form-data",
                  std::string(kHint));
  }
  const auto boundary = Parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kBoundaryBytesMax ||
      std::any_of(boundary->begin(), boundary->end(), [](char c) { return c < ' ' || c > '~'; })) {
    return InvalidArgument("the Content-Type names no boundary of 1 to 70 characters",
                           std::string(kHint));
  }
  return *boundary;
}

Result<std::vector<FormPart>> ParseMultipart(std::string_view body, std::string_view boundary) {
  const std::string opening = "--" + std::string(boundary);
  const std::string delimiter = "\r\n" + opening;
  if (!body.starts_with(opening)) return Malformed("does not begin with its boundary");
  std::vector<FormPart> parts;
  std::size_t at = opening.size();
  for (;;) {
    const std::string_view rest = body.substr(at);
    if (rest.starts_with("--")) return parts;
    if (!rest.starts_with("\r\n")) return Malformed("has a boundary without an end of line");
    if (parts.size() >= limits::kMultipartPartsMax) {
      return Malformed(fmt::format("has more than {} parts", limits::kMultipartPartsMax));
    }
    at += 2;
    const std::string_view head = body.substr(at, limits::kMultipartHeaderBytesMax + 4);
    if (head.starts_with("\r\n")) return Malformed("has a part without Content-Disposition");
    const std::size_t headers_end = head.find("\r\n\r\n");
    if (headers_end == std::string_view::npos) {
      return Malformed(head.size() < limits::kMultipartHeaderBytesMax
                           ? "is cut off inside the headers of a part"
                           : "has a part with too large headers");
    }
    FormPart part;
    JOEY_RETURN_IF_ERROR(ReadHeaders(head.substr(0, headers_end), part));
    part.offset = at + headers_end + 4;
    // The delimiter's CRLF may be the one that ends the headers of an empty part.
    const std::size_t end = body.find(delimiter, part.offset - 2);
    if (end == std::string_view::npos) return Malformed("is cut off inside a part");
    if (end > part.offset) part.content = body.substr(part.offset, end - part.offset);
    for (const FormPart& other : parts) {
      if (other.name == part.name) {
        return Malformed(fmt::format("has two parts named '{}'", part.name));
      }
    }
    parts.push_back(std::move(part));
    at = end + delimiter.size();
  }
}

}  // namespace joey::api
