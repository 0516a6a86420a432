// How deep JSON nests, before anything is built of it: printing and walking a document recurse.
#pragma once

#include <cstddef>
#include <string_view>

namespace joey {

// Whether brackets in `text`, which need not be valid JSON, nest deeper than `limit`.
bool DeeperThan(std::string_view text, std::size_t limit);

}  // namespace joey
