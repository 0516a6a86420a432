#include "base/landlock.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace joey {

namespace {

// From the kernel's linux/landlock.h: the one of the build machine may be older than the kernel.
constexpr std::uint64_t kExecute = 1 << 0;
constexpr std::uint64_t kWriteFile = 1 << 1;
constexpr std::uint64_t kReadFile = 1 << 2;
constexpr std::uint64_t kReadDirectory = 1 << 3;
constexpr std::uint64_t kFirstVersion = (1 << 13) - 1;
constexpr std::uint64_t kRefer = 1 << 13;        // version 2
constexpr std::uint64_t kTruncate = 1 << 14;     // version 3
constexpr std::uint64_t kDeviceIoctl = 1 << 15;  // version 5
constexpr std::uint64_t kTcp = 3;                // version 4: bind, connect
constexpr std::uint64_t kScopes = 3;             // version 6: abstract sockets, signals
constexpr unsigned kGetVersion = 1;
constexpr int kPathBeneath = 1;

struct RulesetAttributes {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scopes;
};

struct [[gnu::packed]] PathRule {
  std::uint64_t allowed;
  std::int32_t parent;
};

std::uint64_t HandledFiles(int version) {
  std::uint64_t out = kFirstVersion;
  if (version >= 2) out |= kRefer;
  if (version >= 3) out |= kTruncate;
  if (version >= 5) out |= kDeviceIoctl;
  return out;
}

bool Allow(int ruleset, const std::string& path, std::uint64_t rights) {
  int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return true;
  struct stat info {};
  ::fstat(fd, &info);
  // Rights of directories may not be given for a file.
  if (!S_ISDIR(info.st_mode)) rights &= kExecute | kWriteFile | kReadFile | kTruncate;
  PathRule rule{rights, fd};
  bool added = ::syscall(SYS_landlock_add_rule, ruleset, kPathBeneath, &rule, 0) == 0;
  ::close(fd);
  return added;
}

}  // namespace

int LandlockVersion() {
  long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kGetVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

bool RestrictToFiles(int version, const std::vector<std::string>& readable,
                     const std::vector<std::string>& writable) {
  const std::uint64_t files = HandledFiles(version);
  RulesetAttributes attributes{files, version >= 4 ? kTcp : 0, version >= 6 ? kScopes : 0};
  const std::size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return false;
  bool done = true;
  for (const std::string& path : readable) {
    done = done && Allow(ruleset, path, kExecute | kReadFile | kReadDirectory);
  }
  for (const std::string& path : writable) {
    done = done && Allow(ruleset, path, files & ~(kExecute | kRefer | kDeviceIoctl));
  }
  done = done && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  ::close(ruleset);
  return done;
}

}  // namespace joey
