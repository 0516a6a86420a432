#include "engine/log_spool.h"

#include <arrow/type.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/limits.h"
#include "base/random.h"

namespace joey::engine {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "segment-";

std::string SegmentPath(const std::string& directory, std::uint64_t number) {
  std::string digits = std::to_string(number);
  return directory + "/" + std::string(kPrefix) +
         std::string(12 - std::min<std::size_t>(12, digits.size()), '0') + digits;
}

bool Same(const std::shared_ptr<arrow::Schema>& a, const std::shared_ptr<arrow::Schema>& b) {
  return a == b || a->Equals(*b, false);
}

}  // namespace

Result<std::unique_ptr<LogSpool>> LogSpool::Open(const std::string& directory) {
  std::unique_ptr<LogSpool> spool(new LogSpool());
  JOEY_RETURN_IF_ERROR(MakeDirectories(directory));
  spool->directory_ = directory;
  spool->source_ = RandomHex(16);
  const std::string lock = directory + "/lock";
  spool->lock_ = UniqueFd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!spool->lock_.valid()) return FileError("open", lock, errno);
  if (::flock(spool->lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return FailedPrecondition("another process uses the log spool " + directory);
  }
  JOEY_RETURN_IF_ERROR(spool->Recover());
  return spool;
}

Status LogSpool::Recover() {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().filename().string().starts_with(kPrefix)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    std::string number = fs::path(path).filename().string().substr(kPrefix.size());
    next_file_ =
        std::max<std::uint64_t>(next_file_, std::strtoull(number.c_str(), nullptr, 10) + 1);
    Result<std::shared_ptr<LogSegment>> segment = LogSegment::Open(path);
    if (!segment.ok()) {
      spdlog::error("a log segment is left aside: {}", segment.status().ToString());
      fs::rename(path, directory_ + "/damaged-" + number, error);
      continue;
    }
    bytes_ += (*segment)->size();
    segments_.push_back(std::move(*segment));
  }
  return {};
}

Status LogSpool::Roll(std::size_t payload_size) {
  std::size_t size = std::max(limits::kSpoolSegmentBytes,
                              payload_size + LogSegment::kFirstFrame + (std::size_t{1} << 20));
  if (bytes_ + size > limits::kSpoolBytesMax) {
    return Unavailable("the log spool is full: joey serve has not taken logs for a long time",
                       "start joey serve again; inferences that cannot be logged are refused");
  }
  JOEY_ASSIGN_OR_RETURN(active_,
                        LogSegment::Create(SegmentPath(directory_, next_file_), size, source_));
  ++next_file_;
  bytes_ += size;
  segments_.push_back(active_);
  schemas_.clear();
  return {};
}

Result<std::uint32_t> LogSpool::SchemaId(const InferenceRecord& record) {
  const auto& in = record.in->schema();
  const auto& out = record.out->schema();
  for (std::size_t i = 0; i < schemas_.size(); ++i) {
    const SchemaKey& key = schemas_[i];
    if (key.context == record.context && key.in == in && key.out == out) {
      return static_cast<std::uint32_t>(i);
    }
  }
  for (std::size_t i = 0; i < schemas_.size(); ++i) {
    const SchemaKey& key = schemas_[i];
    if (key.context == record.context && Same(key.in, in) && Same(key.out, out)) {
      return static_cast<std::uint32_t>(i);
    }
  }
  if (schemas_.size() == limits::kSpoolSchemasMax) JOEY_RETURN_IF_ERROR(Roll(0));
  std::string payload = SchemaPayload(record);
  auto id = static_cast<std::uint32_t>(schemas_.size());
  FrameHeader* frame = active_->Reserve(payload.size(), kSchemaFrame, id, 0);
  if (frame == nullptr) {
    JOEY_RETURN_IF_ERROR(Roll(payload.size()));
    id = 0;
    frame = active_->Reserve(payload.size(), kSchemaFrame, id, 0);
  }
  std::memcpy(LogSegment::Payload(frame), payload.data(), payload.size());
  LogSegment::Commit(frame);
  schemas_.push_back({record.context, in, out});
  return id;
}

Status LogSpool::Append(const InferenceRecord& record) {
  std::size_t size = RecordPayloadSize(record);
  if (size > limits::kSpoolRecordBytesMax) {
    return ResourceExhausted("the request and its answer are larger than a log record may be (" +
                                 std::to_string(limits::kSpoolRecordBytesMax) + " bytes)",
                             "send fewer rows per request");
  }
  FrameHeader* frame = nullptr;
  std::shared_ptr<LogSegment> segment;  // keeps the mapping while the frame is written
  {
    std::lock_guard lock(mutex_);
    if (active_ == nullptr) JOEY_RETURN_IF_ERROR(Roll(size));
    for (int attempt = 0; frame == nullptr; ++attempt) {
      JOEY_ASSIGN_OR_RETURN(std::uint32_t id, SchemaId(record));
      std::uint64_t sequence = sequence_.load(std::memory_order_relaxed) + 1;
      frame = active_->Reserve(size, kRecordFrame, id, sequence);
      if (frame != nullptr) {
        sequence_.store(sequence, std::memory_order_release);
      } else if (attempt > 0) {
        return Internal("a log record does not fit into its segment");
      } else {
        JOEY_RETURN_IF_ERROR(Roll(size));
      }
    }
    segment = active_;
  }
  WriteRecordPayload(record, LogSegment::Payload(frame));
  LogSegment::Commit(frame);
  return {};
}

std::vector<std::shared_ptr<LogSegment>> LogSpool::Segments() const {
  std::lock_guard lock(mutex_);
  return segments_;
}

bool LogSpool::IsActive(const LogSegment& segment) const {
  std::lock_guard lock(mutex_);
  return active_.get() == &segment;
}

void LogSpool::Remove(const std::shared_ptr<LogSegment>& segment) {
  std::lock_guard lock(mutex_);
  std::erase(segments_, segment);
  if (active_ == segment) active_ = nullptr;
  bytes_ -= segment->size();
  ::unlink(segment->path().c_str());
}

}  // namespace joey::engine
