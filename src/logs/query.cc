#include "logs/query.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/type.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "logs/failures.h"
#include "logs/table.h"

namespace joey::logs {
namespace {

// Goes through the rows of a topic that the query asks for, in its order, batch by batch.
class RowReader {
 public:
  RowReader(const Topic& topic, const Query& query, std::int64_t row)
      : topic_(topic), query_(query), row_(row) {}

  // Stands on the next matching row; false at the end. Unpacks only what it must look into.
  Result<bool> Advance() {
    while (FindBlock()) {
      if (!MayMatch()) {
        SkipBlock();
        continue;
      }
      const Status loaded = LoadBatch();
      if (loaded.code() == Code::kDataLoss) {
        SkipBlock();
        continue;
      }
      JOEY_RETURN_IF_ERROR(loaded);
      if (Matches(times_->Value(index())) && (!query_.failures_only || failures_.Has(index()))) {
        return true;
      }
      Step();
    }
    return false;
  }
  // Whether a row follows, without unpacking a block whose rows all match.
  Result<bool> HasMore() {
    while (FindBlock()) {
      if (MustMatch()) return true;
      if (MayMatch()) return Advance();
      SkipBlock();
    }
    return false;
  }
  void Step() { row_ += query_.newest_first ? -1 : 1; }

  // Of the row it stands on.
  const std::shared_ptr<arrow::RecordBatch>& batch() const { return batch_; }
  std::int64_t index() const { return current() - batch_row_; }
  // Where another reader would begin to see the current row first.
  std::int64_t row() const { return row_; }

 private:
  // Newest first, `row_` is the row behind the current one.
  std::int64_t current() const { return query_.newest_first ? row_ - 1 : row_; }

  bool FindBlock() {
    if (block_ && current() >= block_->first_row && current() < block_->end_row()) return true;
    block_ = query_.newest_first ? topic_.BlockBefore(row_) : topic_.BlockAt(row_);
    payload_.reset();
    batch_.reset();
    if (!block_) return false;
    // Numbers between blocks belong to damaged ones.
    row_ =
        query_.newest_first ? std::min(row_, block_->end_row()) : std::max(row_, block_->first_row);
    return true;
  }
  void SkipBlock() { row_ = query_.newest_first ? block_->first_row : block_->end_row(); }

  bool Matches(std::int64_t time) const {
    return (!query_.time_start || time >= *query_.time_start) &&
           (!query_.time_end || time <= *query_.time_end);
  }
  bool MayMatch() const {
    return (!query_.time_start || block_->time_max >= *query_.time_start) &&
           (!query_.time_end || block_->time_min <= *query_.time_end) &&
           (!query_.failures_only || block_->failures > 0);
  }
  bool MustMatch() const {
    return Matches(block_->time_min) && Matches(block_->time_max) &&
           (!query_.failures_only || block_->failures == block_->rows);
  }

  Status LoadBatch() {
    if (payload_ == nullptr) {
      JOEY_ASSIGN_OR_RETURN(payload_, topic_.Read(*block_));
    }
    const std::int64_t offset = current() - block_->first_row;
    const std::int64_t begin = block_->first_row + offset / kRowsPerBatch * kRowsPerBatch;
    if (batch_ != nullptr && begin == batch_row_) return {};
    JOEY_ASSIGN_OR_RETURN(auto batch, payload_->ReadBatch(offset / kRowsPerBatch));
    if (batch->num_rows() != std::min(kRowsPerBatch, block_->end_row() - begin)) {
      return {Code::kDataLoss, "a log block has another number of rows than its header says"};
    }
    times_ = std::static_pointer_cast<arrow::TimestampArray>(batch->GetColumnByName("time"));
    failures_ = Failures(*batch);
    batch_ = std::move(batch);
    batch_row_ = begin;
    return {};
  }

  const Topic& topic_;
  const Query& query_;
  std::int64_t row_;
  std::optional<BlockRef> block_;
  std::unique_ptr<Payload> payload_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::shared_ptr<arrow::TimestampArray> times_;
  Failures failures_;
  std::int64_t batch_row_ = 0;
};

std::optional<std::int64_t> PageLimit(const Query& query, const std::optional<Cursor>& from) {
  if (from && from->remaining) return from->remaining;
  return query.limit;
}

Result<std::int64_t> FirstRow(const Topic& topic, const Query& query,
                              const std::optional<Cursor>& from) {
  const std::int64_t end = topic.end_row();
  if (!from) return query.newest_first ? end : std::int64_t{0};
  const bool in_topic = from->row >= 0 && from->row <= end;
  const bool in_limit =
      !from->remaining || (query.limit && *from->remaining > 0 && *from->remaining <= *query.limit);
  if (in_topic && in_limit) return from->row;
  return InvalidArgument("the cursor is none of this query",
                         "begin with the body {} and send back `next` of the last page as it is");
}

}  // namespace

std::string_view PageEndName(PageEnd end) {
  switch (end) {
    case PageEnd::kAll:
      return "All";
    case PageEnd::kRecordLimited:
      return "RecordLimited";
    case PageEnd::kByteLimited:
      return "ByteLimited";
    case PageEnd::kSchemaChange:
      return "SchemaChange";
  }
  return "";
}

Result<Page> ReadPage(const Topic* topic, const Query& query, const std::optional<Cursor>& from) {
  PageTable table(query.dataset, query.newest_first);
  Page page;
  if (topic == nullptr) {
    if (from) return InvalidArgument("the cursor is none of this topic", "begin with the body {}");
    JOEY_ASSIGN_OR_RETURN(page.batch, table.Finish(query.separator));
    return page;
  }
  JOEY_ASSIGN_OR_RETURN(const std::int64_t first, FirstRow(*topic, query, from));
  const std::optional<std::int64_t> limit = PageLimit(query, from);
  RowReader reader(*topic, query, first);
  const auto stop = [&](PageEnd end) {
    page.end = end;
    page.next = Cursor{reader.row(), std::nullopt};
    if (limit && table.rows() < *limit) page.next->remaining = *limit - table.rows();
  };
  for (;;) {
    if (limit && table.rows() >= *limit) {
      JOEY_ASSIGN_OR_RETURN(const bool more, reader.HasMore());
      if (more) stop(PageEnd::kRecordLimited);
      break;
    }
    JOEY_ASSIGN_OR_RETURN(const bool found, reader.Advance());
    if (!found) break;
    const PageTable::Added added = table.Add(reader.batch(), reader.index());
    if (added == PageTable::Added::kOtherSchema) {
      stop(PageEnd::kSchemaChange);
      break;
    }
    if (added == PageTable::Added::kNoRoom) {
      stop(PageEnd::kByteLimited);
      break;
    }
    reader.Step();
  }
  JOEY_ASSIGN_OR_RETURN(page.batch, table.Finish(query.separator));
  return page;
}

}  // namespace joey::logs
