#include "engine/log_segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/crc32c.h"
#include "base/files.h"

namespace joey::engine {

namespace {

constexpr std::string_view kMagic = "JOEYSPL1";
constexpr std::size_t kSourceSize = 32;

Result<char*> Map(int fd, std::size_t size, const std::string& path) {
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return FileError("map", path, errno);
  return static_cast<char*>(data);
}

std::size_t PageBegin(std::size_t position) {
  static const auto kPageBytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return position / kPageBytes * kPageBytes;
}

}  // namespace

Result<std::shared_ptr<LogSegment>> LogSegment::Create(const std::string& path, std::size_t size,
                                                       std::string_view source) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return FileError("create", path, errno);
  int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
  if (error != 0) {
    ::unlink(path.c_str());
    return Unavailable("there is no room for the log of this inference: " +
                           FileError("grow", path, error).message(),
                       "free disk space; inferences that cannot be logged are refused");
  }
  JOEY_ASSIGN_OR_RETURN(char* data, Map(fd.get(), size, path));
  std::memcpy(data + kMagic.size(), source.data(), std::min(source.size(), kSourceSize));
  std::memcpy(data, kMagic.data(), kMagic.size());
  return std::shared_ptr<LogSegment>(new LogSegment(path, data, size, false));
}

Result<std::shared_ptr<LogSegment>> LogSegment::Open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return FileError("open", path, errno);
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return FileError("read", path, errno);
  auto size = static_cast<std::size_t>(facts.st_size);
  if (size < kFirstFrame) return Status(Code::kDataLoss, path + " is no log segment");
  JOEY_ASSIGN_OR_RETURN(char* data, Map(fd.get(), size, path));
  std::shared_ptr<LogSegment> segment(new LogSegment(path, data, size, true));
  if (std::string_view(data, kMagic.size()) != kMagic) {
    return Status(Code::kDataLoss, path + " is no log segment");
  }
  return segment;
}

LogSegment::~LogSegment() { ::munmap(data_, size_); }

std::string_view LogSegment::source() const { return {data_ + kMagic.size(), kSourceSize}; }

FrameHeader* LogSegment::Reserve(std::size_t payload_size, std::uint32_t kind,
                                 std::uint32_t schema_id, std::uint64_t sequence) {
  std::size_t size = sizeof(FrameHeader) + (payload_size + 7) / 8 * 8;
  const std::size_t end = end_.load(std::memory_order_relaxed);
  if (size > size_ - end || size > UINT32_MAX) return nullptr;
  auto* frame = reinterpret_cast<FrameHeader*>(data_ + end);
  frame->sequence = sequence;
  frame->kind = kind;
  frame->schema_id = schema_id;
  frame->payload_size = static_cast<std::uint32_t>(payload_size);
  std::atomic_ref(frame->size).store(static_cast<std::uint32_t>(size), std::memory_order_release);
  end_.store(end + size, std::memory_order_relaxed);
  return frame;
}

void LogSegment::Commit(FrameHeader* frame) {
  frame->checksum = Crc32c({Payload(frame), frame->payload_size});
  std::atomic_ref(frame->state).store(kFrameCommitted, std::memory_order_release);
}

void LogSegment::Abandon(FrameHeader* frame) {
  std::atomic_ref(frame->state).store(kFrameAbandoned, std::memory_order_release);
}

void LogSegment::Prepare(std::size_t bytes) {
  const std::size_t end = end_.load(std::memory_order_relaxed);
  const std::size_t begin = std::max(prepared_, PageBegin(end));
  const std::size_t until = PageBegin(std::min(end + bytes, size_));
  // Less is not worth the call.
  if (until < begin + bytes / 4) return;
  // Where the kernel does not know it (before Linux 5.14), pages come when they are written.
  ::madvise(data_ + begin, until - begin, MADV_POPULATE_WRITE);
  prepared_ = until;
}

void LogSegment::Release(std::size_t position) {
  const std::size_t until = PageBegin(position);
  if (until <= released_) return;
  // Only the mapping goes: the file keeps its pages.
  ::madvise(data_ + released_, until - released_, MADV_DONTNEED);
  released_ = until;
}

LogSegment::Found LogSegment::Next(std::size_t& position, Frame& frame) const {
  if (size_ - position < sizeof(FrameHeader)) return Found::kNothing;
  auto* header = reinterpret_cast<FrameHeader*>(data_ + position);
  std::uint32_t size = std::atomic_ref(header->size).load(std::memory_order_acquire);
  if (size == 0) return Found::kNothing;
  if (size < sizeof(FrameHeader) || size % 8 != 0 || size > size_ - position) {
    position = size_;  // nothing behind a damaged length can be trusted
    return Found::kDamaged;
  }
  std::uint32_t state = std::atomic_ref(header->state).load(std::memory_order_acquire);
  if (state != kFrameCommitted) {
    if (!left_behind_ && state != kFrameAbandoned) return Found::kPending;
    position += size;
    return Found::kSkip;
  }
  std::string_view payload(data_ + position + sizeof(FrameHeader), size - sizeof(FrameHeader));
  position += size;
  if (header->payload_size > payload.size()) return Found::kDamaged;
  payload = payload.substr(0, header->payload_size);
  // What this process wrote itself is as it wrote it.
  if (left_behind_ && Crc32c(payload) != header->checksum) return Found::kDamaged;
  frame = {header, payload};
  return Found::kFrame;
}

}  // namespace joey::engine
