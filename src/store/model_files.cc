#include "store/model_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/random.h"
#include "base/sha256.h"

namespace joey {
namespace {

constexpr std::size_t kCopyBytes = 1 << 20;

}  // namespace

PendingModelFile::~PendingModelFile() {
  if (!kept_ && !path_.empty()) ::unlink(path_.c_str());
}

Result<std::unique_ptr<ModelFiles>> ModelFiles::Open(const std::string& root) {
  JOEY_RETURN_IF_ERROR(MakeDirectories(root + "/sha256"));
  JOEY_RETURN_IF_ERROR(MakeDirectories(root + "/incoming"));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root + "/incoming", error)) {
    std::filesystem::remove(entry.path(), error);
    if (error) return FileError("remove", entry.path().string(), error.value());
  }
  if (error) return FileError("list", root + "/incoming", error.value());
  return std::unique_ptr<ModelFiles>(new ModelFiles(root));
}

std::string ModelFiles::DirectoryOf(std::string_view sha) const {
  return root_ + "/sha256/" + std::string(sha.substr(0, 2));
}

Result<std::unique_ptr<PendingModelFile>> ModelFiles::Write(const std::string& source,
                                                            std::int64_t offset,
                                                            std::int64_t size) const {
  UniqueFd in(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.valid()) return FileError("open", source, errno);
  std::unique_ptr<PendingModelFile> file(new PendingModelFile());
  const std::string path = root_ + "/incoming/" + RandomHex(16);
  UniqueFd out(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out.valid()) return FileError("create", path, errno);
  file->path_ = path;

  Sha256 hash;
  std::vector<char> buffer(static_cast<std::size_t>(
      std::clamp<std::int64_t>(size, 1, static_cast<std::int64_t>(kCopyBytes))));
  for (std::int64_t done = 0; done < size;) {
    const auto want = std::min<std::int64_t>(size - done, static_cast<std::int64_t>(buffer.size()));
    const ssize_t got =
        ::pread(in.get(), buffer.data(), static_cast<std::size_t>(want), offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", source, errno);
    if (got == 0) return Status(Code::kDataLoss, source + " ended before its length");
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    hash.Update(bytes);
    JOEY_RETURN_IF_ERROR(WriteAll(out.get(), bytes, path));
    done += got;
  }
  file->sha_ = hash.FinishHex();
  file->size_bytes_ = size;
  return file;
}

Result<std::unique_ptr<PendingModelFile>> ModelFiles::WriteBytes(std::string_view bytes) const {
  std::unique_ptr<PendingModelFile> file(new PendingModelFile());
  const std::string path = root_ + "/incoming/" + RandomHex(16);
  UniqueFd out(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out.valid()) return FileError("create", path, errno);
  file->path_ = path;
  JOEY_RETURN_IF_ERROR(WriteAll(out.get(), bytes, path));
  file->sha_ = Sha256::Hex(bytes);
  file->size_bytes_ = static_cast<std::int64_t>(bytes.size());
  return file;
}

Status ModelFiles::Keep(PendingModelFile& file) const {
  if (Find(file.sha_).ok()) {
    ::unlink(file.path_.c_str());
    file.kept_ = true;
    return {};
  }
  UniqueFd fd(::open(file.path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return FileError("open", file.path_, errno);
  if (::fsync(fd.get()) != 0) return FileError("sync", file.path_, errno);
  const std::string directory = DirectoryOf(file.sha_);
  JOEY_RETURN_IF_ERROR(MakeDirectories(directory));
  const std::string path = directory + "/" + file.sha_;
  if (::rename(file.path_.c_str(), path.c_str()) != 0) return FileError("rename to", path, errno);
  file.kept_ = true;
  JOEY_RETURN_IF_ERROR(SyncDirectory(directory));
  return SyncDirectory(root_ + "/sha256");
}

Result<std::string> ModelFiles::Find(std::string_view sha) const {
  if (!IsSha256Hex(sha)) {
    return InvalidArgument("a model's sha is 64 hexadecimal digits, not '" +
                           std::string(sha.substr(0, 80)) + "'");
  }
  std::string path = DirectoryOf(sha) + "/" + std::string(sha);
  if (::access(path.c_str(), R_OK) != 0) {
    return NotFound("the model file " + std::string(sha) + " is missing in the data directory",
                    "upload the model again");
  }
  return path;
}

}  // namespace joey
