// Reading a topic page by page.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "data/dataset.h"
#include "logs/topic.h"

namespace joey::logs {

struct Query {
  bool failures_only = false;  // rows that broke a validation
  bool newest_first = false;
  std::optional<std::int64_t> limit;       // rows of the whole answer, over its pages
  std::optional<std::int64_t> time_start;  // milliseconds since 1970, included
  std::optional<std::int64_t> time_end;    // included
  Dataset dataset = Dataset({}, {});
  std::string separator;  // "in.tensor"; empty: nested, {"in": {"tensor": …}}
};

// Where the next page goes on.
struct Cursor {
  std::int64_t row = 0;                   // rows from here on, newest first: rows below
  std::optional<std::int64_t> remaining;  // of the limit that was not reached
};

// Why a page ends.
enum class PageEnd { kAll, kRecordLimited, kByteLimited, kSchemaChange };
std::string_view PageEndName(PageEnd end);  // "All" …

struct Page {
  std::shared_ptr<arrow::RecordBatch> batch;  // `time` as integer milliseconds; maybe no rows
  PageEnd end = PageEnd::kAll;
  std::optional<Cursor> next;  // none after kAll
};

// One page of a topic; nullptr is an empty one. A page holds rows of one schema (of the selected
// columns), at most limits::kLogAnswerBytesMax of values but at least one row. Rows of damaged
// blocks are left out. InvalidArgument for a cursor that is none of this topic.
Result<Page> ReadPage(const Topic* topic, const Query& query, const std::optional<Cursor>& from);

}  // namespace joey::logs
