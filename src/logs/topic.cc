#include "logs/topic.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "base/crc32c.h"
#include "base/limits.h"
#include "logs/failures.h"

namespace joey::logs {
namespace {

// The numbers of the segments of a directory, in order.
Result<std::vector<int>> ListSegments(const std::string& directory) {
  std::vector<int> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    const std::size_t dash = name.find('-');
    int number = 0;
    if (dash == std::string::npos) continue;
    std::from_chars(name.data() + dash + 1, name.data() + name.size(), number);
    if (number > 0 && name == SegmentName(number)) numbers.push_back(number);
  }
  if (error) return FileError("list", directory, error.value());
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

Topic::Topic(std::string directory)
    : directory_(std::move(directory)), open_group_(std::make_shared<SyncGroup>()) {}

Result<std::unique_ptr<Topic>> Topic::Open(const std::string& directory) {
  JOEY_RETURN_IF_ERROR(MakeDirectories(directory));
  JOEY_ASSIGN_OR_RETURN(const auto numbers, ListSegments(directory));
  std::unique_ptr<Topic> topic(new Topic(directory));
  for (const int number : numbers) {
    const auto visit = [&](const BlockHeader& header, std::uint64_t payload_offset) {
      if (!topic->blocks_.empty() && header.first_row < topic->blocks_.back().end_row()) {
        return false;
      }
      topic->AddBlock(header, payload_offset);
      return true;
    };
    JOEY_ASSIGN_OR_RETURN(auto segment,
                          Segment::Open(directory, number, number == numbers.back(), visit));
    topic->segments_.push_back(std::move(segment));
    topic->last_segment_number_ = number;
  }
  if (!topic->segments_.empty()) {
    // A process that was killed may have written more than it synced.
    JOEY_RETURN_IF_ERROR(topic->segments_.back()->Sync());
    topic->durable_end_ = topic->segments_.back()->end();
  }
  topic->durable_blocks_ = topic->blocks_.size();
  return topic;
}

std::uint32_t Topic::SourceIndex(std::string_view source) {
  if (const auto found = source_indexes_.find(source); found != source_indexes_.end()) {
    return found->second;
  }
  const auto index = static_cast<std::uint32_t>(last_sequences_.size());
  source_indexes_.emplace(source, index);
  last_sequences_.emplace_back();
  return index;
}

// Segments join the list after their blocks when a topic is opened, before them when it is written.
void Topic::AddBlock(const BlockHeader& header, std::uint64_t payload_offset) {
  BlockRef block;
  block.first_row = header.first_row;
  block.rows = header.rows;
  block.failures = header.failures;
  block.time_min = header.time_min;
  block.time_max = header.time_max;
  block.last_sequence = header.last_sequence;
  block.payload_offset = payload_offset;
  block.payload_bytes = header.payload_bytes;
  block.payload_crc = header.payload_crc;
  block.segment = static_cast<std::uint32_t>(segments_.size());
  block.source = SourceIndex(header.source);
  auto& last = last_sequences_[block.source];
  last = std::max(last.value_or(0), header.last_sequence);
  blocks_.push_back(block);
}

std::optional<AppendResult> Topic::FindKnown(const AppendRequest& request) const {
  const auto found = source_indexes_.find(request.source);
  if (found == source_indexes_.end()) return std::nullopt;
  const auto last = last_sequences_[found->second];
  if (!last || request.first_sequence > *last) return std::nullopt;
  return AppendResult{request.last_sequence <= *last ? AppendResult::Kind::kDuplicate
                                                     : AppendResult::Kind::kOverlap,
                      *last};
}

Result<AppendResult> Topic::Append(const AppendRequest& request) {
  std::unique_lock lock(mutex_);
  std::optional<AppendResult> result = FindKnown(request);
  if (!result) {
    lock.unlock();
    JOEY_ASSIGN_OR_RETURN(const LogRows rows, DecodeRows(request.stream));
    JOEY_ASSIGN_OR_RETURN(const auto encoded, EncodePayload(*rows.batch));
    const std::string_view payload(*encoded);
    BlockHeader header;
    header.source = request.source;
    header.first_sequence = request.first_sequence;
    header.last_sequence = request.last_sequence;
    header.rows = rows.batch->num_rows();
    header.failures = CountFailures(*rows.batch);
    header.time_min = rows.time_min;
    header.time_max = rows.time_max;
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = Crc32c(payload);
    lock.lock();
    // Another request with the same frames may have been faster.
    result = FindKnown(request);
    if (!result) {
      JOEY_RETURN_IF_ERROR(Write(std::move(header), payload));
      result = AppendResult{AppendResult::Kind::kStored, request.last_sequence};
    }
  }
  // What is known may still be on its way to the disk as well.
  if (durable_blocks_ == blocks_.size()) return *result;
  const std::shared_ptr<SyncGroup> group = open_group_;
  while (!group->done) {
    if (syncing_) {
      changed_.wait(lock);
    } else {
      SyncWritten(lock);
    }
  }
  if (!group->status.ok()) return group->status;
  return *result;
}

Status Topic::Write(BlockHeader header, std::string_view payload) {
  if (segments_.empty() || segments_.back()->end() >= limits::kLogSegmentBytesMax) {
    JOEY_RETURN_IF_ERROR(RollSegment());
  }
  header.first_row = blocks_.empty() ? 0 : blocks_.back().end_row();
  header.durable_end = durable_end_;
  const std::string head = EncodeHeader(header);
  const std::uint64_t payload_offset = segments_.back()->end() + head.size();
  JOEY_RETURN_IF_ERROR(segments_.back()->Append({head, payload}));
  AddBlock(header, payload_offset);
  blocks_.back().segment = static_cast<std::uint32_t>(segments_.size() - 1);
  return {};
}

// The full segment is durable before the next one begins, so that only the last one can be torn.
Status Topic::RollSegment() {
  if (!segments_.empty()) {
    if (Status status = segments_.back()->Sync(); !status.ok()) {
      ForgetUnsynced(status);
      return status;
    }
    durable_blocks_ = blocks_.size();
    durable_end_ = segments_.back()->end();
  }
  JOEY_ASSIGN_OR_RETURN(auto segment, Segment::Create(directory_, last_segment_number_ + 1));
  ++last_segment_number_;
  segments_.push_back(std::move(segment));
  durable_end_ = 0;
  return {};
}

// One thread syncs for all that have written; those who write meanwhile form the next group.
void Topic::SyncWritten(std::unique_lock<std::mutex>& lock) {
  const std::shared_ptr<SyncGroup> group =
      std::exchange(open_group_, std::make_shared<SyncGroup>());
  const std::shared_ptr<Segment> segment = segments_.back();
  const std::uint64_t end = segment->end();
  const std::size_t blocks = blocks_.size();
  const int forgotten = forgotten_;
  syncing_ = true;
  lock.unlock();
  Status status = segment->Sync();
  lock.lock();
  syncing_ = false;
  if (forgotten != forgotten_) {
    status = Unavailable("the log rows could not be written", "send them again");
  } else if (status.ok()) {
    durable_blocks_ = std::max(durable_blocks_, blocks);
    if (segment == segments_.back()) durable_end_ = std::max(durable_end_, end);
  } else {
    ForgetUnsynced(status);
  }
  Finish(*group, std::move(status));
  changed_.notify_all();
}

void Topic::Finish(SyncGroup& group, Status status) {
  group.done = true;
  group.status = std::move(status);
}

// After a failed sync nobody knows what the disk holds: senders must send it again.
void Topic::ForgetUnsynced(const Status& failure) {
  spdlog::error("{}: {}", directory_, failure.ToString());
  ++forgotten_;
  if (const Status cut = segments_.back()->Truncate(durable_end_); !cut.ok()) {
    spdlog::error("{}: {}", directory_, cut.ToString());
  }
  blocks_.resize(durable_blocks_);
  for (auto& last : last_sequences_) last.reset();
  for (const BlockRef& block : blocks_) {
    auto& last = last_sequences_[block.source];
    last = std::max(last.value_or(0), block.last_sequence);
  }
  Finish(*std::exchange(open_group_, std::make_shared<SyncGroup>()), failure);
  changed_.notify_all();
}

std::int64_t Topic::end_row() const {
  const std::lock_guard lock(mutex_);
  return durable_blocks_ == 0 ? 0 : blocks_[durable_blocks_ - 1].end_row();
}

std::optional<BlockRef> Topic::BlockAt(std::int64_t row) const {
  const std::lock_guard lock(mutex_);
  const auto end = blocks_.begin() + static_cast<std::ptrdiff_t>(durable_blocks_);
  const auto found =
      std::upper_bound(blocks_.begin(), end, row,
                       [](std::int64_t at, const BlockRef& block) { return at < block.end_row(); });
  if (found == end) return std::nullopt;
  return *found;
}

std::optional<BlockRef> Topic::BlockBefore(std::int64_t row) const {
  const std::lock_guard lock(mutex_);
  const auto end = blocks_.begin() + static_cast<std::ptrdiff_t>(durable_blocks_);
  const auto found =
      std::lower_bound(blocks_.begin(), end, row,
                       [](const BlockRef& block, std::int64_t at) { return block.first_row < at; });
  if (found == blocks_.begin()) return std::nullopt;
  return *std::prev(found);
}

Result<std::unique_ptr<Payload>> Topic::Read(const BlockRef& block) const {
  std::shared_ptr<const Segment> segment;
  {
    const std::lock_guard lock(mutex_);
    segment = segments_[block.segment];
  }
  const auto open = [&]() -> Result<std::unique_ptr<Payload>> {
    JOEY_ASSIGN_OR_RETURN(std::string bytes,
                          segment->Read(block.payload_offset, block.payload_bytes));
    if (Crc32c(bytes) != block.payload_crc) {
      return Status(Code::kDataLoss, "a log block does not match its checksum");
    }
    return Payload::Open(std::move(bytes));
  };
  auto payload = open();
  if (!payload.ok()) {
    spdlog::error("{}: the log block at byte {} with rows {} to {}: {}", segment->path(),
                  block.payload_offset, block.first_row, block.end_row() - 1,
                  payload.status().ToString());
  }
  return payload;
}

}  // namespace joey::logs
