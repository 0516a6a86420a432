#include "http/header_value.h"

#include "http/message.h"

namespace joey::http {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view NextPiece(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view piece = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return Trimmed(piece);
}

bool ListHas(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (EqualsIgnoreCase(NextPiece(list, ','), word)) return true;
  }
  return false;
}

}  // namespace joey::http
