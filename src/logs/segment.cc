#include "logs/segment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/crc32c.h"

namespace joey::logs {
namespace {

std::string PathOf(const std::string& directory, int number) {
  return directory + "/" + SegmentName(number);
}

struct Found {
  BlockHeader header;
  std::uint64_t offset = 0;   // of the header
  std::uint64_t payload = 0;  // offset
};

struct Scan {
  std::vector<Found> blocks;
  std::vector<std::uint64_t> broken;  // where something stands that is no block
  std::uint64_t durable_end = 0;      // by what the headers say
};

// Every block with a good header whose payload is inside the file.
Scan ScanHeaders(std::string_view bytes) {
  Scan out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto parsed = ParseHeader(bytes.substr(at));
    if (parsed.ok()) {
      const std::size_t payload = at + parsed->bytes;
      out.durable_end = std::max(out.durable_end, parsed->header.durable_end);
      if (parsed->header.payload_bytes <= bytes.size() - payload) {
        out.blocks.push_back({parsed->header, at, payload});
        at = payload + parsed->header.payload_bytes;
        continue;
      }
    }
    out.broken.push_back(at);
    at = std::min(bytes.find(kBlockMagic, at + 1), bytes.size());
  }
  return out;
}

bool HasGoodPayload(std::string_view bytes, const Found& block) {
  return Crc32c(bytes.substr(block.payload, block.header.payload_bytes)) ==
         block.header.payload_crc;
}

// Where the part begins that was never acknowledged, if there is one.
std::optional<std::uint64_t> FindTornTail(std::string_view bytes, const Scan& scan) {
  std::optional<std::uint64_t> torn;
  for (const std::uint64_t at : scan.broken) {
    if (at >= scan.durable_end) {
      torn = at;
      break;
    }
  }
  for (const Found& block : scan.blocks) {
    if (torn && block.offset >= *torn) break;
    if (block.offset >= scan.durable_end && !HasGoodPayload(bytes, block)) return block.offset;
  }
  return torn;
}

}  // namespace

std::string SegmentName(int number) { return fmt::format("segment-{:06}", number); }

Result<std::shared_ptr<Segment>> Segment::Create(const std::string& directory, int number) {
  std::string path = PathOf(directory, number);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return FileError("make", path, errno);
  JOEY_RETURN_IF_ERROR(SyncDirectory(directory));
  return std::shared_ptr<Segment>(new Segment(std::move(path), std::move(fd), 0));
}

Result<std::shared_ptr<Segment>> Segment::Open(const std::string& directory, int number, bool last,
                                               const Visitor& visit) {
  std::string path = PathOf(directory, number);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd.valid()) return FileError("open", path, errno);
  std::uint64_t end = 0;
  std::optional<std::uint64_t> torn;
  {
    JOEY_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
    const Scan scan = ScanHeaders(file.bytes());
    end = file.bytes().size();
    if (last) torn = FindTornTail(file.bytes(), scan);
    for (const std::uint64_t at : scan.broken) {
      if (torn && at >= *torn) break;
      spdlog::error("{}: a damaged log block at byte {} is skipped", path, at);
    }
    for (const Found& block : scan.blocks) {
      if (torn && block.offset >= *torn) break;
      if (!visit(block.header, block.payload)) {
        spdlog::error("{}: the log block at byte {} contradicts those before it and is skipped",
                      path, block.offset);
      }
    }
  }
  std::shared_ptr<Segment> out(new Segment(std::move(path), std::move(fd), end));
  if (torn) {
    spdlog::warn("{}: {} bytes of an append that was never acknowledged are cut off", out->path_,
                 end - *torn);
    JOEY_RETURN_IF_ERROR(out->Truncate(*torn));
    JOEY_RETURN_IF_ERROR(out->Sync());
  }
  return out;
}

Status Segment::Append(std::initializer_list<std::string_view> pieces) {
  std::uint64_t at = end_;
  for (std::string_view bytes : pieces) {
    while (!bytes.empty()) {
      const ssize_t written =
          ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        Status failed = FileError("write", path_, errno);
        // What a failing file system keeps of the rest fails its checksum later.
        if (::ftruncate(fd_.get(), static_cast<off_t>(end_)) != 0) {
          spdlog::error("{}: cannot take back a failed append", path_);
        }
        return failed;
      }
      bytes.remove_prefix(static_cast<std::size_t>(written));
      at += static_cast<std::uint64_t>(written);
    }
  }
  end_ = at;
  return {};
}

Status Segment::Sync() const {
  if (::fdatasync(fd_.get()) != 0) return FileError("sync", path_, errno);
  return {};
}

Status Segment::Truncate(std::uint64_t end) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(end)) != 0) {
    return FileError("truncate", path_, errno);
  }
  end_ = end;
  return {};
}

Result<std::string> Segment::Read(std::uint64_t offset, std::size_t bytes) const {
  std::string out(bytes, '\0');
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        ::pread(fd_.get(), out.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", path_, errno);
    if (got == 0) return Status(Code::kDataLoss, path_ + " ends before it should");
    done += static_cast<std::size_t>(got);
  }
  return out;
}

}  // namespace joey::logs
