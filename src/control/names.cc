#include "control/names.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/suggest.h"

namespace joey::control {
namespace {

constexpr std::size_t kQuotedBytesMax = 80;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

// What the user most likely wants instead: the name in lower case with dashes; empty if none.
std::string Repaired(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, limits::kNameBytesMax)) {
    if (IsUpper(c)) {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (IsLower(c) || IsDigit(c)) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  while (!out.empty() && !IsLower(out.front())) out.erase(0, 1);
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

}  // namespace

std::string Quoted(std::string_view name) {
  std::string out = "'";
  for (const char c : name.substr(0, kQuotedBytesMax)) out += (c >= 0 && c < ' ') ? '?' : c;
  return out + (name.size() > kQuotedBytesMax ? "…'" : "'");
}

Status CheckName(std::string_view what, std::string_view name) {
  const bool good = !name.empty() && name.size() <= limits::kNameBytesMax &&
                    IsLower(name.front()) && name.back() != '-' &&
                    std::all_of(name.begin(), name.end(),
                                [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
  if (good) return {};
  const std::string repaired = Repaired(name);
  return InvalidArgument(
      fmt::format("{} is no {} name: names have 1 to {} lower-case ASCII letters, digits and "
                  "dashes, begin with a letter and do not end with a dash",
                  Quoted(name), what, limits::kNameBytesMax),
      repaired.empty() ? "use a name like 'ccfraud-model'" : "use for example '" + repaired + "'");
}

Status CheckWorkspaceName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= limits::kNameBytesMax &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return IsLower(c) || IsUpper(c) || IsDigit(c) || c == '-';
                    });
  if (good) return {};
  const std::string repaired = Repaired(name);
  return InvalidArgument(
      fmt::format("{} is no workspace name: names have 1 to {} ASCII letters, digits and dashes",
                  Quoted(name), limits::kNameBytesMax),
      repaired.empty() ? "use a name like 'my-workspace'" : "use for example '" + repaired + "'");
}

Status CheckConnectionName(std::string_view name) {
  const bool good =
      !name.empty() && name.size() <= limits::kNameBytesMax &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return IsLower(c) || IsUpper(c) || IsDigit(c) || c == '-' || c == '_' || c == '.';
      });
  if (good) return {};
  const std::string repaired = Repaired(name);
  return InvalidArgument(
      fmt::format("{} is no connection name: names have 1 to {} ASCII letters, digits, dashes, "
                  "underscores and dots",
                  Quoted(name), limits::kNameBytesMax),
      repaired.empty() ? "use a name like 'houseprice_arrow_table'"
                       : "use for example '" + repaired + "'");
}

Status CheckText(std::string_view key, std::string_view text, std::size_t bytes_max) {
  const bool good = !text.empty() && text.size() <= bytes_max &&
                    text.find_first_not_of(' ') != text.npos &&
                    simdjson::validate_utf8(text.data(), text.size()) &&
                    std::none_of(text.begin(), text.end(),
                                 [](char c) { return (c >= 0 && c < ' ') || c == 127; });
  if (good) return {};
  return InvalidArgument(
      fmt::format("'{}' is a text of 1 to {} bytes without control characters, not {}", key,
                  bytes_max, Quoted(text)),
      "choose a shorter or plainer text");
}

Status NoSuchName(std::string_view what, std::string_view name,
                  const std::vector<std::string>& candidates, const std::string& hint) {
  const std::string near = DidYouMean(name, candidates);
  return NotFound(fmt::format("there is no {} {}", what, Quoted(name)), near.empty() ? hint : near);
}

Status NoSuchId(std::string_view what, std::int64_t id, std::string hint) {
  return NotFound(fmt::format("there is no {} with id {}", what, id), std::move(hint));
}

std::string DisplayFileName(std::string_view name) {
  if (const std::size_t slash = name.find_last_of("/\\"); slash != std::string_view::npos) {
    name.remove_prefix(slash + 1);
  }
  std::string out;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f') out += c;
  }
  if (out.size() > limits::kFileNameBytesMax) {
    std::size_t size = limits::kFileNameBytesMax;
    // Not in the middle of a character.
    while (size > 0 && (static_cast<unsigned char>(out[size]) & 0xc0) == 0x80) --size;
    out.resize(size);
  }
  return out;
}

}  // namespace joey::control
