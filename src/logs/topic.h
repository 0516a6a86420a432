// The log of one pipeline: rows numbered from 0 in the order in which they came.
//
// Threads: any. Appends that come together share one sync of the file.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "logs/rows.h"
#include "logs/segment.h"

namespace joey::logs {

// One block as the index knows it.
struct BlockRef {
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t failures = 0;  // rows that broke a validation
  std::int64_t time_min = 0;
  std::int64_t time_max = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t payload_offset = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t payload_crc = 0;
  std::uint32_t segment = 0;  // place in the list of segments
  std::uint32_t source = 0;

  std::int64_t end_row() const { return first_row + rows; }
};

struct AppendRequest {
  std::string source;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  std::string_view stream;  // Arrow IPC stream of the rows
};

struct AppendResult {
  enum class Kind { kStored, kDuplicate, kOverlap };
  Kind kind = Kind::kStored;
  std::uint64_t last_sequence = 0;  // of the source, durable
};

class Topic {
 public:
  // Reads the index of a directory of segments, which is made when it is missing.
  static Result<std::unique_ptr<Topic>> Open(const std::string& directory);

  // Durable when it returns ok. Sequences of a source count up. All known already: a duplicate,
  // nothing is stored; known in part: an overlap, nothing is stored either.
  Result<AppendResult> Append(const AppendRequest& request);

  // Rows below this are durable and can be read.
  std::int64_t end_row() const;
  // The block of that row, or the next one after it; nullopt behind the end.
  std::optional<BlockRef> BlockAt(std::int64_t row) const;
  // The last block that begins before that row.
  std::optional<BlockRef> BlockBefore(std::int64_t row) const;
  // Checks and opens the block's rows. DataLoss, said in the log, when they are damaged.
  Result<std::unique_ptr<Payload>> Read(const BlockRef& block) const;

 private:
  // Appends that are made durable by one sync.
  struct SyncGroup {
    bool done = false;
    Status status;
  };

  explicit Topic(std::string directory);

  // With the mutex held:
  std::uint32_t SourceIndex(std::string_view source);
  void AddBlock(const BlockHeader& header, std::uint64_t payload_offset);
  std::optional<AppendResult> FindKnown(const AppendRequest& request) const;
  Status Write(BlockHeader header, std::string_view payload);
  Status RollSegment();
  void SyncWritten(std::unique_lock<std::mutex>& lock);
  void ForgetUnsynced(const Status& failure);
  static void Finish(SyncGroup& group, Status status);

  const std::string directory_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Segment>> segments_;
  int last_segment_number_ = 0;
  std::vector<BlockRef> blocks_;
  std::size_t durable_blocks_ = 0;
  std::uint64_t durable_end_ = 0;  // of the last segment
  std::map<std::string, std::uint32_t, std::less<>> source_indexes_;
  std::vector<std::optional<std::uint64_t>> last_sequences_;  // by source, of what is written
  std::shared_ptr<SyncGroup> open_group_;  // of the appends written since the last sync began
  bool syncing_ = false;
  int forgotten_ = 0;  // how often written blocks were given up
};

}  // namespace joey::logs
