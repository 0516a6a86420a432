// Known names in an error's text, and those nearest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace joey {

// Edits (insert, delete, replace, swap neighbours) between two texts; gives up above `limit` and
// returns limit + 1.
int EditDistance(std::string_view a, std::string_view b, int limit);

// "did you mean 'ccfraud' or 'ccfraud-2'?" with at most three near candidates; empty when none is
// near enough to be helpful.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

// "'age', 'income'", with "…" for the rest of a long list.
std::string QuotedList(const std::vector<std::string>& names);

}  // namespace joey
