#include "base/suggest.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace joey {
namespace {

constexpr std::size_t kNameBytesMax = 128;  // longer texts are no names worth a suggestion
constexpr std::size_t kSuggestionsMax = 3;
constexpr std::size_t kListBytes = 200;  // of quoted names, before the rest is left out

}  // namespace

int EditDistance(std::string_view a, std::string_view b, int limit) {
  const int rows = static_cast<int>(a.size());
  const int columns = static_cast<int>(b.size());
  if (std::abs(rows - columns) > limit) return limit + 1;
  std::vector<int> before_last(columns + 1), last(columns + 1), row(columns + 1);
  for (int j = 0; j <= columns; ++j) last[j] = j;
  for (int i = 1; i <= rows; ++i) {
    row[0] = i;
    int best = row[0];
    for (int j = 1; j <= columns; ++j) {
      const int replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
      best = std::min(best, row[j]);
    }
    if (best > limit) return limit + 1;
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return std::min(last[columns], limit + 1);
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kNameBytesMax) return "";
  const int limit = std::max(1, static_cast<int>(name.size()) / 3);
  std::vector<std::pair<int, std::string_view>> near;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kNameBytesMax) continue;
    const int distance = EditDistance(name, candidate, limit);
    // A name that goes on where the typed one stops is a likely candidate at any distance.
    const bool prefix = name.size() >= 3 && candidate.starts_with(name);
    if (distance <= limit || prefix) near.emplace_back(std::min(distance, limit + 1), candidate);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  if (near.size() > kSuggestionsMax) near.resize(kSuggestionsMax);
  if (near.empty()) return "";
  std::string out = "did you mean ";
  for (std::size_t i = 0; i < near.size(); ++i) {
    if (i > 0) out += i + 1 == near.size() ? " or " : ", ";
    out += "'" + std::string(near[i].second) + "'";
  }
  return out + "?";
}

std::string QuotedList(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += "'" + name + "'";
    if (out.size() > kListBytes && &name != &names.back()) return out + ", …";
  }
  return out;
}

}  // namespace joey
