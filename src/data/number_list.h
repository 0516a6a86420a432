// A flat JSON list of numbers, read without a tokenizer: what most inference requests consist of.
#pragma once

#include <vector>

namespace joey {

// Appends the numbers of the list that starts at `begin` ('[') to `out` and returns the place
// behind its ']'. Returns null, with `out` as it was, for anything that is not a list of finite
// JSON numbers; a general parser then says what is wrong. The text must hold a ']' somewhere behind
// `begin`, and 32 readable bytes behind that. Values are correctly rounded.
const char* ParseNumberList(const char* begin, std::vector<double>& out);

}  // namespace joey
