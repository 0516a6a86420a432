// The JSON that people write by hand: a dict of columns, a list of records, or just nested lists.
#pragma once

#include <span>
#include <string_view>

#include "base/status.h"
#include "data/json_records.h"

namespace joey {

// One of
//   {"tensor": [[1, 2], [3, 4]], "flag": [true, false]}   column to its rows,
//   [{"tensor": [1, 2]}, {"tensor": [3, 4]}]              records, as ParseJsonRecords() reads
//   them,
//   [[1, 2], [3, 4]]                                      rows of the only input that `hints` name.
// Rows may be scalars or lists of any depth. `cells` are filled for records only.
// Needs and refuses what ParseJsonRecords() does, and columns of unequal length. Thread-safe.
Result<JsonRecords> ParseJsonInput(std::string_view text, std::span<const JsonColumnHint> hints,
                                   int threads = 1);

}  // namespace joey
