#include "store/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/random.h"
#include "base/sha256.h"

namespace joey {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr int kLockTriesMax = 5;
constexpr std::chrono::milliseconds kLockPause{10};

Result<UniqueFd> Lock(const std::string& root) {
  const std::string path = root + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return FileError("open", path, errno);
  // Again for a moment: somebody may just be asking whether it is in use.
  int tries = kLockTriesMax;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError("lock", path, errno);
    if (--tries > 0) {
      std::this_thread::sleep_for(kLockPause);
      continue;
    }
    std::string holder;
    if (auto pid = ReadFile(path, 32); pid.ok() && !pid->empty()) {
      holder = " (process " + *pid + ")";
    }
    return FailedPrecondition("another joey serve" + holder + " uses the data directory " + root,
                              "stop it first, or give this one another --data directory");
  }
  if (::ftruncate(fd.get(), 0) != 0) return FileError("write", path, errno);
  JOEY_RETURN_IF_ERROR(WriteAll(fd.get(), std::to_string(::getpid()), path));
  return fd;
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::Open(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error || path.empty()) return InvalidArgument("'" + path + "' is no directory path");
  std::unique_ptr<DataDirectory> directory(new DataDirectory());
  directory->root_ = absolute.lexically_normal().string();
  while (directory->root_.size() > 1 && directory->root_.ends_with('/')) {
    directory->root_.pop_back();
  }
  JOEY_RETURN_IF_ERROR(MakeDirectories(directory->root_));
  JOEY_ASSIGN_OR_RETURN(directory->lock_, Lock(directory->root_));
  std::filesystem::remove_all(directory->uploads(), error);
  if (error) return FileError("remove", directory->uploads(), error.value());
  for (const std::string& child :
       {directory->models(), directory->uploads(), directory->logs(), directory->spool(),
        directory->run(), directory->root_ + "/secrets"}) {
    JOEY_RETURN_IF_ERROR(MakeDirectories(child));
  }
  return directory;
}

bool DataDirectory::IsInUse(const std::string& path) {
  const UniqueFd fd(::open((path + "/lock").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return false;
  // Shared: two that ask at once do not see each other.
  return ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<std::string> DataDirectory::IngestToken() const {
  const std::string path = root_ + "/secrets/ingest.token";
  Result<std::string> stored = ReadFile(path, 2 * kTokenBytes);
  if (stored.status().code() == Code::kNotFound) {
    std::string token = RandomHex(kTokenBytes);
    JOEY_RETURN_IF_ERROR(WriteFileAtomically(path, token, 0600));
    return token;
  }
  if (!stored.ok()) return stored;
  // 32 bytes in hexadecimal look like a SHA-256.
  if (!IsSha256Hex(*stored)) {
    return Status(Code::kDataLoss, "the secret in " + path + " is damaged",
                  "remove the file; a new secret is made at the next start");
  }
  return stored;
}

}  // namespace joey
