#include "engine/log_spool.h"

#include <arrow/type.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/limits.h"
#include "base/random.h"

namespace joey::engine {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "segment-";
constexpr std::size_t kAheadBytes = 4 << 20;  // memory made ready; some 12,000 small rows
constexpr std::size_t kSchemaRoom = 8 << 20;  // for the schemas of as many columns as there may be

std::string SegmentPath(const std::string& directory, std::uint64_t number) {
  std::string digits = std::to_string(number);
  return directory + "/" + std::string(kPrefix) +
         std::string(12 - std::min<std::size_t>(12, digits.size()), '0') + digits;
}

bool Same(const std::shared_ptr<arrow::Schema>& a, const std::shared_ptr<arrow::Schema>& b) {
  return a == b || (a != nullptr && b != nullptr && a->Equals(*b, false));
}

bool FitsOneFrame(const InferenceRecord& record, std::size_t size) {
  return size <= limits::kSpoolFrameBytes && record.rows <= limits::kSpoolFrameRows;
}

struct Piece {
  InferenceRecord record;
  std::size_t size;
};

// Halves a record until every piece fits one frame or is one row.
void Split(const InferenceRecord& record, std::size_t size, std::vector<Piece>& out) {
  if (record.rows <= 1 || FitsOneFrame(record, size)) {
    out.push_back({record, size});
    return;
  }
  const std::int64_t half = record.rows / 2;
  for (const auto& [begin, end] :
       {std::pair(std::int64_t{0}, half), std::pair(half, record.rows)}) {
    InferenceRecord part = record;
    part.rows = end - begin;
    part.in = record.in->Slice(begin, part.rows);
    part.out = record.out->Slice(begin, part.rows);
    if (record.extra != nullptr) part.extra = record.extra->Slice(begin, part.rows);
    Split(part, RecordPayloadSize(part), out);
  }
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
  std::size_t size =
      std::max(limits::kSpoolSegmentBytes, payload_size + LogSegment::kFirstFrame + kSchemaRoom);
  if (spare_ != nullptr && size <= spare_->size()) {
    active_ = std::exchange(spare_, nullptr);
    segments_.push_back(active_);
    schemas_.clear();
    return {};
  }
  DropSpare();  // files are read in the order of their numbers
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

void LogSpool::DropSpare() {
  if (spare_ == nullptr) return;
  bytes_ -= spare_->size();
  ::unlink(spare_->path().c_str());
  spare_ = nullptr;
}

void LogSpool::Prepare() {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<LogSegment> active = active_;
  if (active == nullptr) return;
  const bool wanted = spare_ == nullptr && active->room() < limits::kSpoolSegmentBytes / 2 &&
                      bytes_ + limits::kSpoolSegmentBytes <= limits::kSpoolBytesMax;
  const std::uint64_t number = wanted ? next_file_++ : 0;
  lock.unlock();
  active->Prepare(kAheadBytes);
  if (!wanted) return;
  auto created =
      LogSegment::Create(SegmentPath(directory_, number), limits::kSpoolSegmentBytes, source_);
  if (!created.ok()) return;  // Append() tries it itself when it has to, and says why it fails
  (*created)->Prepare(kAheadBytes);
  lock.lock();
  spare_ = std::move(*created);
  bytes_ += spare_->size();
  if (next_file_ != number + 1) DropSpare();  // a later file is in use already
}

Result<std::uint32_t> LogSpool::SchemaId(const InferenceRecord& record) {
  const auto& in = record.in->schema();
  const auto& out = record.out->schema();
  const auto extra = record.extra == nullptr ? nullptr : record.extra->schema();
  for (std::size_t i = 0; i < schemas_.size(); ++i) {
    const SchemaKey& key = schemas_[i];
    if (key.context == record.context && key.in == in && key.out == out && key.extra == extra) {
      return static_cast<std::uint32_t>(i);
    }
  }
  for (std::size_t i = 0; i < schemas_.size(); ++i) {
    const SchemaKey& key = schemas_[i];
    if (key.context == record.context && Same(key.in, in) && Same(key.out, out) &&
        Same(key.extra, extra)) {
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
  schemas_.push_back({record.context, in, out, extra});
  return id;
}

Result<LogSpool::Room> LogSpool::TakeRoom(const InferenceRecord& record, std::size_t size) {
  if (active_ == nullptr) JOEY_RETURN_IF_ERROR(Roll(size));
  for (int attempt = 0; attempt < 2; ++attempt) {
    JOEY_ASSIGN_OR_RETURN(std::uint32_t id, SchemaId(record));
    std::uint64_t sequence = sequence_.load(std::memory_order_relaxed) + 1;
    if (FrameHeader* frame = active_->Reserve(size, kRecordFrame, id, sequence)) {
      sequence_.store(sequence, std::memory_order_release);
      return Room{frame, active_};
    }
    JOEY_RETURN_IF_ERROR(Roll(size));
  }
  return Internal("a log record does not fit into its segment");
}

Status LogSpool::Append(const InferenceRecord& record) {
  std::size_t size = RecordPayloadSize(record);
  if (!FitsOneFrame(record, size)) return AppendPieces(record, size);
  std::unique_lock lock(mutex_);
  JOEY_ASSIGN_OR_RETURN(Room room, TakeRoom(record, size));
  lock.unlock();
  WriteRecordPayload(record, LogSegment::Payload(room.frame));
  LogSegment::Commit(room.frame);
  return {};
}

// All pieces have their room before one is written, so that a full disk leaves none of them.
Status LogSpool::AppendPieces(const InferenceRecord& record, std::size_t size) {
  std::vector<Piece> pieces;
  Split(record, size, pieces);
  for (const Piece& piece : pieces) {
    if (piece.size > limits::kSpoolRowBytesMax) {
      return {Code::kPayloadTooLarge,
              "a row and its answer are larger than the log keeps (" +
                  std::to_string(limits::kSpoolRowBytesMax) + " bytes)",
              "send smaller tensors"};
    }
  }
  std::vector<Room> rooms;
  std::unique_lock lock(mutex_);
  for (const Piece& piece : pieces) {
    Result<Room> room = TakeRoom(piece.record, piece.size);
    if (!room.ok()) {
      for (Room& taken : rooms) LogSegment::Abandon(taken.frame);
      return room.status();
    }
    rooms.push_back(std::move(*room));
  }
  lock.unlock();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    WriteRecordPayload(pieces[i].record, LogSegment::Payload(rooms[i].frame));
    LogSegment::Commit(rooms[i].frame);
  }
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
