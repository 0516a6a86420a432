#include "base/private_root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace joey {

namespace {

// From the kernel's linux/mount.h, which does not go together with sys/mount.h everywhere.
constexpr unsigned kTreeClone = 1;
constexpr unsigned kRecursive = 0x8000;
constexpr unsigned kEmptyPath = 0x1000;
constexpr unsigned kMoveFromEmptyPath = 4;
constexpr std::uint64_t kReadOnly = 1;
constexpr std::uint64_t kNoSetUser = 2;
constexpr std::uint64_t kNoDevices = 4;

struct MountAttributes {
  std::uint64_t set;
  std::uint64_t clear;
  std::uint64_t propagation;
  std::uint64_t user_namespace;
};

constexpr char kPlace[] = "/tmp";  // where the new root is put together
constexpr std::size_t kTreesMax = 64;
constexpr const char* kDevices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                    "/dev/urandom"};

using Path = std::array<char, 4096>;

bool Inside(Path& out, const char* path) {
  return std::snprintf(out.data(), out.size(), "%s%s", kPlace, path) < static_cast<int>(out.size());
}

bool SetAttributes(int tree, unsigned flags, std::uint64_t set) {
  MountAttributes attributes{set, 0, 0, 0};
  return ::syscall(SYS_mount_setattr, tree, "", kEmptyPath | flags, &attributes,
                   sizeof attributes) == 0;
}

int CloneTree(const char* path) {
  return static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, path, kTreeClone | kRecursive | O_CLOEXEC));
}

// Makes the directories above `path`, and `path` itself as a directory or an empty file.
bool MakeMountPoint(Path& path, bool directory) {
  for (char* slash = path.data() + sizeof kPlace; *slash != 0; ++slash) {
    if (*slash != '/') continue;
    *slash = 0;
    bool made = ::mkdir(path.data(), 0755) == 0 || errno == EEXIST;
    *slash = '/';
    if (!made) return false;
  }
  if (directory) return ::mkdir(path.data(), 0755) == 0 || errno == EEXIST;
  int fd = ::open(path.data(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  ::close(fd);
  return true;
}

bool Attach(int tree, const char* path) {
  struct stat info {};
  Path target;
  if (::fstat(tree, &info) != 0 || !Inside(target, path)) return false;
  // A directory below one that is there already would have to be made on a read-only mount.
  struct stat present {};
  if (::stat(target.data(), &present) != 0 && !MakeMountPoint(target, S_ISDIR(info.st_mode))) {
    return false;
  }
  return ::syscall(SYS_move_mount, tree, "", AT_FDCWD, target.data(), kMoveFromEmptyPath) == 0;
}

bool MountTmp(const PrivateRoot& root) {
  Path path;
  Path option;
  Inside(path, "/tmp");
  std::snprintf(option.data(), option.size(), "mode=0700,size=%lld",
                static_cast<long long>(root.tmp_bytes));
  return ::mkdir(path.data(), 0755) == 0 &&
         ::mount("tmpfs", path.data(), "tmpfs", MS_NOSUID | MS_NODEV, option.data()) == 0 &&
         ::chown(path.data(), root.user, root.user) == 0;
}

}  // namespace

bool EnterPrivateRoot(const PrivateRoot& root) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  // All sources are held before anything is covered.
  std::array<int, kTreesMax> trees;
  std::array<const char*, kTreesMax> paths;
  std::size_t count = 0;
  for (const std::string& path : root.readable) {
    if (count == kTreesMax) break;
    int tree = CloneTree(path.c_str());
    if (tree < 0 && errno == ENOENT) continue;
    if (tree < 0 || !SetAttributes(tree, kRecursive, kReadOnly | kNoSetUser | kNoDevices)) {
      return false;
    }
    trees[count] = tree;
    paths[count++] = path.c_str();
  }
  for (const char* device : kDevices) {
    int tree = count == kTreesMax ? -1 : CloneTree(device);
    if (tree < 0) continue;
    trees[count] = tree;
    paths[count++] = device;
  }
  if (::mount("tmpfs", kPlace, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0 ||
      ::chdir(kPlace) != 0 || !MountTmp(root)) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!Attach(trees[i], paths[i])) return false;
    ::close(trees[i]);
  }
  Path path;
  Inside(path, "/proc");
  ::mkdir(path.data(), 0755);
  // Refused inside most containers; programs then do without.
  (void)::mount("proc", path.data(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  Inside(path, "/dev/shm");
  (void)!::symlink("/tmp", path.data());
  if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0) return false;
  int top = ::open("/", O_PATH | O_CLOEXEC);
  bool done = top >= 0 && SetAttributes(top, 0, kReadOnly | kNoSetUser | kNoDevices);
  ::close(top);
  return done && ::chdir("/tmp") == 0;
}

}  // namespace joey
