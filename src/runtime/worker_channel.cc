#include "runtime/worker_channel.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/limits.h"

namespace joey {

namespace {

constexpr std::uint32_t kMagic = 0x314b574a;  // "JWK1"
// Where the payload is: behind the header unless one of these says otherwise.
constexpr std::uint64_t kInFile = 1;
constexpr std::uint64_t kInArea = 2;
constexpr std::size_t kAlignment = 64;
constexpr unsigned kNoExecute = 8;  // MFD_NOEXEC_SEAL, since Linux 6.3

// workers/joey_worker/channel.py has the same.
struct Header {
  std::uint32_t magic;
  std::uint32_t kind;
  std::uint64_t id;
  std::uint64_t first_bytes;
  std::uint64_t second_bytes;
  std::uint64_t flags;
};
static_assert(sizeof(Header) == 40);

Status Gone() { return Unavailable("the worker process is gone"); }

Status SocketError(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) {
    return {Code::kDeadlineExceeded, "the worker process did not answer in time"};
  }
  if (error == EPIPE || error == ECONNRESET) return Gone();
  return Internal(std::string("the channel to a worker process failed: ") + std::strerror(error));
}

Status Malformed(std::string_view what) {
  return {Code::kDataLoss,
          "the worker process sent something that is no answer: " + std::string(what)};
}

union DescriptorMessage {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

Result<UniqueFd> MakeMemoryFile() {
  int fd = ::memfd_create("joey-frame", MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExecute);
  if (fd < 0 && errno == EINVAL) {
    fd = ::memfd_create("joey-frame", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  }
  if (fd < 0) {
    return ResourceExhausted(std::string("cannot make a memory file: ") + std::strerror(errno),
                             "free memory or send fewer rows per request");
  }
  return UniqueFd(fd);
}

Result<UniqueFd> FillMemoryFile(std::string_view first, const std::vector<std::string_view>& rest) {
  JOEY_ASSIGN_OR_RETURN(UniqueFd file, MakeMemoryFile());
  JOEY_RETURN_IF_ERROR(WriteAll(file.get(), first, "a memory file"));
  for (std::string_view part : rest) {
    JOEY_RETURN_IF_ERROR(WriteAll(file.get(), part, "a memory file"));
  }
  ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return file;
}

// Maps a file that a worker handed over, once it is sure that neither its bytes nor its size can
// change and that no page of it can be missing.
Result<std::shared_ptr<const void>> MapSealed(int fd, std::size_t bytes) {
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_WRITE;
  constexpr std::int64_t kBlockBytes = 512;
  int seals = ::fcntl(fd, F_GET_SEALS);
  struct statfs system {};
  struct stat info {};
  if (seals < 0 || (seals & kSeals) != kSeals || ::fstatfs(fd, &system) != 0 ||
      system.f_type != TMPFS_MAGIC || ::fstat(fd, &info) != 0) {
    return Malformed("a file that is not sealed");
  }
  if (info.st_size != static_cast<off_t>(bytes) || info.st_blocks * kBlockBytes < info.st_size) {
    return Malformed("a file of another size than announced");
  }
  // Private, since older kernels refuse shared mappings of sealed files.
  void* data = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (data == MAP_FAILED) {
    return ResourceExhausted("there is no memory for a worker's answer",
                             "send fewer rows per request");
  }
  return std::shared_ptr<const void>(
      data, [bytes](const void* mapped) { ::munmap(const_cast<void*>(mapped), bytes); });
}

std::shared_ptr<char> Copy(const char* data, std::size_t bytes) {
  std::shared_ptr<char> out(
      static_cast<char*>(
          ::operator new(std::max<std::size_t>(bytes, 1), std::align_val_t(kAlignment))),
      [](char* memory) { ::operator delete(memory, std::align_val_t(kAlignment)); });
  std::memcpy(out.get(), data, bytes);
  return out;
}

// The one descriptor of a message; what else it may carry is closed by the kernel.
UniqueFd TakeDescriptor(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
        part->cmsg_len >= CMSG_LEN(sizeof(int))) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
      return UniqueFd(fd);
    }
  }
  return {};
}

}  // namespace

Result<WorkerChannel::Pair> WorkerChannel::Make() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return ResourceExhausted(std::string("cannot make a socket pair: ") + std::strerror(errno));
  }
  UniqueFd mine(ends[0]);
  UniqueFd other(ends[1]);
  JOEY_ASSIGN_OR_RETURN(UniqueFd file, MakeMemoryFile());
  // Its size is fixed, so that no page behind the mapping can go away. Pages come with first use.
  constexpr std::size_t kBytes = 2 * limits::kWorkerAreaBytes;
  void* data = MAP_FAILED;
  if (::ftruncate(file.get(), kBytes) == 0 &&
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    data = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  }
  if (data == MAP_FAILED) {
    return ResourceExhausted(std::string("cannot share memory: ") + std::strerror(errno));
  }
  std::shared_ptr<char> area(static_cast<char*>(data),
                             [](char* mapped) { ::munmap(mapped, kBytes); });
  return Pair{WorkerChannel(std::move(mine), std::move(area)), std::move(other), std::move(file)};
}

void WorkerChannel::SetTimeout(std::chrono::milliseconds limit) {
  timeval value{};
  value.tv_sec = limit.count() / 1000;
  value.tv_usec = limit.count() % 1000 * 1000;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

Status WorkerChannel::Send(FrameKind kind, std::uint64_t id, std::string_view first,
                           const std::vector<std::string_view>& second) {
  std::size_t second_bytes = 0;
  for (std::string_view part : second) second_bytes += part.size();
  const std::size_t bytes = first.size() + second_bytes;
  if (bytes > limits::kWorkerFrameBytesMax) {
    return {Code::kPayloadTooLarge,
            "a worker takes at most " + std::to_string(limits::kWorkerFrameBytesMax) +
                " bytes at a time, this request has " + std::to_string(bytes),
            "send fewer rows per request"};
  }
  constexpr std::size_t kPartsMax = 64;
  Header header{kMagic, static_cast<std::uint32_t>(kind), id, first.size(), second_bytes, 0};
  std::array<iovec, kPartsMax> parts;
  parts[0] = {&header, sizeof header};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = 1;
  UniqueFd file;
  DescriptorMessage descriptor{};
  if (bytes <= limits::kWorkerInlineBytesMax && second.size() + 2 <= kPartsMax) {
    parts[message.msg_iovlen++] = {const_cast<char*>(first.data()), first.size()};
    for (std::string_view part : second) {
      parts[message.msg_iovlen++] = {const_cast<char*>(part.data()), part.size()};
    }
  } else if (bytes <= limits::kWorkerAreaBytes) {
    header.flags = kInArea;
    char* place = std::copy(first.begin(), first.end(), area_.get());
    for (std::string_view part : second) place = std::copy(part.begin(), part.end(), place);
  } else {
    header.flags = kInFile;
    JOEY_ASSIGN_OR_RETURN(file, FillMemoryFile(first, second));
    message.msg_control = descriptor.bytes;
    message.msg_controllen = sizeof descriptor.bytes;
    descriptor.header = {
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    int fd = file.get();
    std::memcpy(CMSG_DATA(&descriptor.header), &fd, sizeof fd);
  }
  while (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return SocketError(errno);
  }
  return {};
}

Result<Frame> WorkerChannel::Receive() {
  thread_local std::array<char, limits::kWorkerInlineBytesMax> buffer;
  Header header{};
  iovec parts[2] = {{&header, sizeof header}, {buffer.data(), buffer.size()}};
  DescriptorMessage descriptor{};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = descriptor.bytes;
  message.msg_controllen = CMSG_LEN(sizeof(int));  // no room for a second one
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return Gone();
  if (got < 0) return SocketError(errno);
  UniqueFd file = TakeDescriptor(message);
  if (got < static_cast<ssize_t>(sizeof header) || header.magic != kMagic ||
      (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Malformed("a message without a proper header");
  }
  const std::size_t inline_bytes = static_cast<std::size_t>(got) - sizeof header;
  if (header.first_bytes > limits::kWorkerFrameBytesMax ||
      header.second_bytes > limits::kWorkerFrameBytesMax - header.first_bytes) {
    return Status(
        Code::kPayloadTooLarge,
        "the answer is larger than " + std::to_string(limits::kWorkerFrameBytesMax) + " bytes",
        "return less, or send fewer rows per request");
  }
  const std::size_t bytes = header.first_bytes + header.second_bytes;
  Frame frame;
  frame.kind = static_cast<FrameKind>(header.kind);
  frame.id = header.id;
  if (header.flags == kInFile && file.valid() && inline_bytes == 0 && bytes > 0) {
    JOEY_ASSIGN_OR_RETURN(frame.owner, MapSealed(file.get(), bytes));
  } else if (header.flags == kInArea && !file.valid() && inline_bytes == 0 &&
             bytes <= limits::kWorkerAreaBytes) {
    frame.owner = Copy(area_.get() + limits::kWorkerAreaBytes, bytes);
  } else if (header.flags == 0 && !file.valid() && inline_bytes == bytes) {
    frame.owner = Copy(buffer.data(), bytes);
  } else {
    return Malformed("a message of another size than announced");
  }
  std::string_view all(static_cast<const char*>(frame.owner.get()), bytes);
  frame.first = all.substr(0, header.first_bytes);
  frame.second = all.substr(header.first_bytes);
  return frame;
}

}  // namespace joey
