// The spool of an engine: what is appended is on disk files (by the page cache) when Append()
// returns, and stays there until it was shipped. Internal to engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/status.h"
#include "data/record.h"
#include "engine/log_segment.h"

namespace joey::engine {

// Append() from any thread; Segments(), Prepare() and Remove() from the shipping thread.
class LogSpool {
 public:
  // Takes the directory's lock: one process at a time. What an earlier one left is in Segments().
  static Result<std::unique_ptr<LogSpool>> Open(const std::string& directory);

  // A large record becomes several frames. kUnavailable: the spool or the disk is full.
  // kPayloadTooLarge: one row alone is more than joey serve takes.
  Status Append(const InferenceRecord& record);

  // All segments with unshipped frames, oldest first; the last one may still grow.
  std::vector<std::shared_ptr<LogSegment>> Segments() const;
  bool IsActive(const LogSegment& segment) const;
  // Gets ready what Append() will need next: its memory, and a file for when this one is full.
  void Prepare();
  // Deletes a segment that was shipped whole.
  void Remove(const std::shared_ptr<LogSegment>& segment);

  // Number of the last record that was appended.
  std::uint64_t last_sequence() const { return sequence_.load(std::memory_order_acquire); }

 private:
  struct SchemaKey {
    std::shared_ptr<const RecordContext> context;
    std::shared_ptr<arrow::Schema> in;
    std::shared_ptr<arrow::Schema> out;
    std::shared_ptr<arrow::Schema> extra;  // null: the record has none
  };

  LogSpool() = default;
  // Where a frame goes; `segment` keeps the mapping while it is written.
  struct Room {
    FrameHeader* frame = nullptr;
    std::shared_ptr<LogSegment> segment;
  };

  Status Recover();
  Status AppendPieces(const InferenceRecord& record, std::size_t size);
  // With mutex_ held:
  Status Roll(std::size_t payload_size);
  void DropSpare();
  Result<Room> TakeRoom(const InferenceRecord& record, std::size_t size);
  Result<std::uint32_t> SchemaId(const InferenceRecord& record);

  std::string directory_;
  std::string source_;
  UniqueFd lock_;
  mutable std::mutex mutex_;  // held to take room, not to copy
  std::vector<std::shared_ptr<LogSegment>> segments_;
  std::shared_ptr<LogSegment> active_;
  std::shared_ptr<LogSegment> spare_;  // becomes the active one
  std::vector<SchemaKey> schemas_;     // of the active segment, by id
  std::uint64_t next_file_ = 1;
  std::size_t bytes_ = 0;
  std::atomic<std::uint64_t> sequence_ = 0;
};

}  // namespace joey::engine
