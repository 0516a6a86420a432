#include "admin/copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/sha256.h"

namespace joey::admin {

Result<Copied> CopyFile(const std::string& from, const std::string& to, std::int64_t bytes_max) {
  UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.valid() && errno == ENOENT) return NotFound(from + " is missing");
  if (!in.valid()) return FileError("open", from, errno);
  JOEY_RETURN_IF_ERROR(MakeDirectories(std::filesystem::path(to).parent_path().string()));
  UniqueFd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out.valid()) return FileError("create", to, errno);
  Copied copied;
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (copied.bytes < bytes_max) {
    const auto want =
        std::min<std::int64_t>(bytes_max - copied.bytes, static_cast<std::int64_t>(buffer.size()));
    const ssize_t got = ::read(in.get(), buffer.data(), static_cast<std::size_t>(want));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", from, errno);
    if (got == 0) break;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    hash.Update(bytes);
    JOEY_RETURN_IF_ERROR(WriteAll(out.get(), bytes, to));
    copied.bytes += got;
  }
  if (::fsync(out.get()) != 0) return FileError("sync", to, errno);
  copied.sha256 = hash.FinishHex();
  return copied;
}

}  // namespace joey::admin
