// One file of the spool, mapped into memory. Internal to engine.
//
// Frames are written through the mapping, so they are in the page cache, and survive the process,
// without a system call.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "engine/log_frame.h"

namespace joey::engine {

class LogSegment {
 public:
  // A new file of `size` bytes whose blocks are allocated (a full disk is noticed here, not when
  // memory is written). `source` names the process that writes it, 32 characters.
  static Result<std::shared_ptr<LogSegment>> Create(const std::string& path, std::size_t size,
                                                    std::string_view source);
  // One that a process that has ended left behind. kDataLoss when it is no spool segment.
  static Result<std::shared_ptr<LogSegment>> Open(const std::string& path);
  ~LogSegment();
  LogSegment(const LogSegment&) = delete;
  LogSegment& operator=(const LogSegment&) = delete;

  const std::string& path() const { return path_; }
  std::size_t size() const { return size_; }
  std::string_view source() const;
  bool left_behind() const { return left_behind_; }

  // Room for a frame at the end, or null when it does not fit. Callers take turns.
  FrameHeader* Reserve(std::size_t payload_size, std::uint32_t kind, std::uint32_t schema_id,
                       std::uint64_t sequence);
  static char* Payload(FrameHeader* frame) { return reinterpret_cast<char*>(frame + 1); }
  // The payload is written: readers may see the frame. Any thread.
  static void Commit(FrameHeader* frame);
  // Nothing will be written: readers step over it. Any thread.
  static void Abandon(FrameHeader* frame);

  // A frame as readers see it.
  struct Frame {
    const FrameHeader* header = nullptr;
    std::string_view payload;
  };
  enum class Found { kFrame, kSkip, kDamaged, kPending, kNothing };
  // The frame at `position`, which moves behind it. kNothing: there is none yet. kPending: it is
  // being written. kSkip: one that was never finished, and so never answered. kDamaged: one that
  // was finished and can no longer be read.
  Found Next(std::size_t& position, Frame& frame) const;
  static constexpr std::size_t kFirstFrame = 64;

  // Bytes left for frames. Any thread.
  std::size_t room() const { return size_ - end_.load(std::memory_order_relaxed); }
  // Both by the shipping thread alone, while others write:
  // Has the memory of the next `bytes` ready, so that who writes there does not wait for the file
  // system, which may be busy with a flush to disk.
  void Prepare(std::size_t bytes);
  // What stands before `position` will not be read again: it need not be in memory.
  void Release(std::size_t position);

 private:
  LogSegment(std::string path, char* data, std::size_t size, bool left_behind)
      : path_(std::move(path)), data_(data), size_(size), left_behind_(left_behind) {}

  std::string path_;
  char* data_;
  std::size_t size_;
  bool left_behind_;
  std::atomic<std::size_t> end_ = kFirstFrame;  // moved by Reserve() alone
  std::size_t prepared_ = 0;
  std::size_t released_ = 0;
};

}  // namespace joey::engine
