// pandas-records JSON, `[{"tensor": [1.0, 2.5]}, …]`, straight into Arrow columns.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace joey {

// What a column should become when the reader cannot tell from one number: 1 may be meant as 1.0.
enum class JsonKind { kAny, kDouble, kInt64, kUInt64, kBool, kString };

struct JsonColumnHint {
  std::string name;
  JsonKind kind = JsonKind::kAny;
};

struct JsonRecords {
  // One column per key, in the order of the first record: double, int64, uint64, bool or utf8,
  // plain or in list<item>s, without nulls.
  std::shared_ptr<arrow::RecordBatch> batch;
  // The text of each cell as it was sent, row by row: cells[row * columns + column]. Answers that
  // show the inputs copy these instead of printing the numbers anew. Views into the parsed text.
  std::vector<std::string_view> cells;
  // Where a part of `cells` points instead; keep it as long as them.
  std::shared_ptr<const void> copied_text;
};

// `text` must have at least 64 readable bytes behind its end (http::Body has).
// Errors (kInvalidArgument) name row, column and what was expected: no array of objects, no rows,
// a column missing in a row, null, values of mixed types or of unequal nesting, duplicate keys,
// deeper than limits::kJsonDepthMax, more than kRowsMax rows or kColumnsMax columns.
// Thread-safe; each thread keeps its own parser memory. With `threads` > 1 large texts are read by
// two.
Result<JsonRecords> ParseJsonRecords(std::string_view text, std::span<const JsonColumnHint> hints,
                                     int threads = 1);

}  // namespace joey
