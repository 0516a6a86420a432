// One segment file of a topic: blocks, one after the other, only ever appended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "base/files.h"
#include "base/status.h"
#include "logs/block.h"

namespace joey::logs {

class Segment {
 public:
  // A new, empty and durable file.
  static Result<std::shared_ptr<Segment>> Create(const std::string& directory, int number);

  // Called for every block in order: its header and where its payload begins. False: the block
  // contradicts those before it and counts as broken.
  using Visitor = std::function<bool(const BlockHeader&, std::uint64_t payload_offset)>;
  // Reads the headers of an existing file. A broken block is named in the log and skipped. Of the
  // newest segment (`last`) payloads are checked too, and from the first broken block that was
  // never known to be durable on, the file is cut off: those bytes were never acknowledged.
  static Result<std::shared_ptr<Segment>> Open(const std::string& directory, int number, bool last,
                                               const Visitor& visit);

  const std::string& path() const { return path_; }
  std::uint64_t end() const { return end_; }

  // Writes at the end, not yet durable; leaves the file as it was when it fails.
  Status Append(std::initializer_list<std::string_view> pieces);
  // Makes what is written durable. Any thread, while others append.
  Status Sync() const;
  // Drops everything behind `end`.
  Status Truncate(std::uint64_t end);
  // Any thread. DataLoss when the file ends before.
  Result<std::string> Read(std::uint64_t offset, std::size_t bytes) const;

 private:
  Segment(std::string path, UniqueFd fd, std::uint64_t end)
      : path_(std::move(path)), fd_(std::move(fd)), end_(end) {}

  const std::string path_;
  const UniqueFd fd_;
  std::uint64_t end_;
};

// "segment-000001"
std::string SegmentName(int number);

}  // namespace joey::logs
