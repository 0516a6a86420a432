#include "data/dataset.h"

namespace joey {

namespace {

// How specifically `pattern` names the column: 0 not at all, 1 by `*`, 2 by group, 3 by itself.
int Specificity(std::string_view pattern, std::string_view name) {
  std::string_view group = name.substr(0, name.find('.'));
  if (pattern == "meta") pattern = "metadata";
  if (pattern == name && name != group) return 3;
  if (pattern == group) return 2;
  if (pattern == "*" && group != "metadata") return 1;
  return 0;
}

int Best(const std::vector<std::string>& patterns, std::string_view name) {
  int best = 0;
  for (const std::string& pattern : patterns) best = std::max(best, Specificity(pattern, name));
  return best;
}

}  // namespace

Dataset::Dataset(std::vector<std::string> include, std::vector<std::string> exclude)
    : include_(std::move(include)), exclude_(std::move(exclude)) {
  if (include_.empty()) include_.emplace_back("*");
}

Dataset Dataset::All() {
  Dataset all;
  all.all_ = true;
  return all;
}

bool Dataset::Selects(std::string_view name) const {
  if (all_ || name == "time") return true;
  return Best(include_, name) > Best(exclude_, name);
}

bool Dataset::Selects(std::string_view group, std::string_view name) const {
  return all_ || Selects(std::string(group) + "." + std::string(name));
}

}  // namespace joey
