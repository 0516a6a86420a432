#include "base/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/landlock.h"
#include "base/private_root.h"
#include "base/random.h"
#include "base/sandbox_filter.h"

namespace joey {

namespace {

constexpr int kFirstDescriptor = 3;
constexpr int kDescriptorsMax = 8;
constexpr uid_t kNobody = 65534;
// Above it are user numbers that no account has.
constexpr uid_t kFirstUser = 0x40000000;
constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
// Libraries map far more than they use: what is limited closely is private memory.
constexpr std::int64_t kAddressSpaceSlack = std::int64_t{4} << 30;

const std::vector<std::string> kSystem = {"/usr",
                                          "/bin",
                                          "/sbin",
                                          "/lib",
                                          "/lib32",
                                          "/lib64",
                                          "/etc/ld.so.cache",
                                          "/etc/ld.so.conf",
                                          "/etc/ld.so.conf.d",
                                          "/etc/alternatives",
                                          "/etc/localtime",
                                          "/etc/fonts",
                                          "/etc/mime.types"};

// What could not be done between fork and exec. A layer makes the parent try again without it.
struct Failure {
  unsigned layer;
  int error;
};

// All that the child needs, made before the fork: in the child only system calls are safe.
struct Plan {
  const SandboxOptions* options;
  unsigned layers;
  bool user_namespace;
  bool root;  // this process may change its user
  PrivateRoot private_root;
  int landlock_version;
  std::vector<std::string> readable;
  std::vector<std::string> writable;
  std::vector<sock_filter> filter;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::string directory;  // the private directory on the machine's own /tmp; empty for none
  std::string user_map;
  std::string group_map;
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

bool WriteTo(const char* file, const std::string& text) {
  int fd = ::open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return done;
}

bool Limit(int resource, std::int64_t value) {
  rlimit limit{static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
  return ::setrlimit(resource, &limit) == 0;
}

class Child {
 public:
  Child(const Plan& plan, int failures) : plan_(plan), failures_(failures) {}

  // Everything up to exec. Whatever fails is reported and ends the child.
  [[noreturn]] void Run() {
    ::umask(022);
    ::setsid();
    ResetSignals();
    PlaceDescriptors();
    // The first to go when memory runs out; before /proc and the user change.
    WriteTo("/proc/self/oom_score_adj", "1000");
    Namespaces();
    if (plan_.layers & kSandboxLandlock) {
      Check(RestrictToFiles(plan_.landlock_version, plan_.readable, plan_.writable),
            kSandboxLandlock);
    }
    Limits();
    User();
    DropCapabilities();
    // A change of user clears it, so it comes after.
    Check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, 0);
    if (plan_.layers & kSandboxSeccomp) {
      sock_fprog program{static_cast<unsigned short>(plan_.filter.size()),
                         const_cast<sock_filter*>(plan_.filter.data())};
      Check(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, kSandboxSeccomp);
    }
    ::execve(plan_.arguments[0], plan_.arguments.data(), plan_.environment.data());
    Fail(0);
  }

 private:
  [[noreturn]] void Fail(unsigned layer) {
    Failure failure{layer, errno};
    (void)!::write(failures_, &failure, sizeof failure);
    ::_exit(127);
  }
  void Check(bool done, unsigned layer) {
    if (!done) Fail(layer);
  }

  void ResetSignals() {
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  void PlaceDescriptors() {
    constexpr int kOutOfTheWay = kFirstDescriptor + kDescriptorsMax;
    failures_ = ::fcntl(failures_, F_DUPFD_CLOEXEC, kOutOfTheWay);
    int output = ::fcntl(plan_.options->output, F_DUPFD_CLOEXEC, kOutOfTheWay);
    int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    int copies[kDescriptorsMax];
    int count = static_cast<int>(plan_.options->descriptors.size());
    for (int i = 0; i < count; ++i) {
      copies[i] = ::fcntl(plan_.options->descriptors[i], F_DUPFD_CLOEXEC, kOutOfTheWay);
    }
    Check(::dup2(null, 0) == 0 && ::dup2(output, 1) == 1 && ::dup2(output, 2) == 2, 0);
    int next = kFirstDescriptor;
    for (int i = 0; i < count; ++i) Check(::dup2(copies[i], next++) >= 0, 0);
    // Also the descriptors that libraries opened without O_CLOEXEC. 4 = CLOSE_RANGE_CLOEXEC.
    ::syscall(SYS_close_range, static_cast<unsigned>(next), ~0U, 4U);
  }

  void Namespaces() {
    if (!(plan_.layers & kSandboxNamespaces)) {
      Check(plan_.directory.empty() || ::chdir(plan_.directory.c_str()) == 0, 0);
      return;
    }
    if (plan_.user_namespace) {
      Check(WriteTo("/proc/self/setgroups", "deny") &&
                WriteTo("/proc/self/uid_map", plan_.user_map) &&
                WriteTo("/proc/self/gid_map", plan_.group_map),
            kSandboxNamespaces);
    }
    Check(EnterPrivateRoot(plan_.private_root), kSandboxNamespaces);
    ::sethostname("sandbox", 7);
  }

  void Limits() {
    const SandboxOptions& options = *plan_.options;
    Limit(RLIMIT_CORE, 0);
    Limit(RLIMIT_NOFILE, options.open_files);
    Limit(RLIMIT_FSIZE, options.file_bytes);
    Limit(RLIMIT_MEMLOCK, 0);
    Limit(RLIMIT_MSGQUEUE, 0);
    if (options.memory_bytes > 0) {
      Limit(RLIMIT_DATA, options.memory_bytes);
      Limit(RLIMIT_AS, options.memory_bytes + kAddressSpaceSlack);
    }
    // The number counts for a user: another user's threads must not use it up.
    if (plan_.layers & kSandboxOwnUser) Limit(RLIMIT_NPROC, options.processes);
  }

  void User() {
    if (!(plan_.layers & kSandboxOwnUser) || plan_.user_namespace) return;
    const uid_t user = plan_.private_root.user;
    Check(::syscall(SYS_setgroups, 0, nullptr) == 0 &&
              ::syscall(SYS_setresgid, user, user, user) == 0 &&
              ::syscall(SYS_setresuid, user, user, user) == 0,
          kSandboxOwnUser);
  }

  // Of root that stays root. They do not come back with exec, since it gains no privileges.
  void DropCapabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    Check(
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::syscall(SYS_capset, &header, none) == 0,
        0);
  }

  const Plan& plan_;
  int failures_;
};

// Whether any user may read it: a root directory may lie in a home that others cannot enter.
bool OthersMayRead(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errno == ENOENT;
  if ((info.st_mode & S_IROTH) == 0) return false;
  for (auto above = std::filesystem::path(path).parent_path();; above = above.parent_path()) {
    if (::stat(above.c_str(), &info) != 0 || (info.st_mode & S_IXOTH) == 0) return false;
    if (above == above.parent_path()) return true;
  }
}

uid_t UnusedUser() {
  return kFirstUser + static_cast<uid_t>(std::stoul(RandomHex(3), nullptr, 16));
}

Result<Plan> MakePlan(const SandboxOptions& options, unsigned layers, bool user_namespace,
                      const std::vector<std::string>& environment) {
  Plan plan;
  plan.options = &options;
  plan.root = ::geteuid() == 0;
  plan.user_namespace = user_namespace;
  plan.landlock_version = LandlockVersion();
  plan.readable = kSystem;
  plan.readable.insert(plan.readable.end(), options.readable.begin(), options.readable.end());
  const bool namespaces = (layers & kSandboxNamespaces) != 0;
  // In a private root there is nothing left to forbid.
  if (namespaces || plan.landlock_version == 0) layers &= ~kSandboxLandlock;
  if (!plan.root && !(namespaces && user_namespace)) layers &= ~kSandboxOwnUser;
  if (!namespaces && (layers & kSandboxOwnUser)) {
    for (const std::string& path : options.readable) {
      if (!OthersMayRead(path)) layers &= ~kSandboxOwnUser;
    }
  }
  uid_t user = ::geteuid();
  if (user_namespace) {
    // Inside, the same number; never 0, which would keep its rights over the namespace.
    const uid_t inside = plan.root ? kNobody : user;
    const gid_t group = plan.root ? kNobody : ::getegid();
    plan.user_map = std::to_string(inside) + " " + std::to_string(user) + " 1\n";
    plan.group_map = std::to_string(group) + " " + std::to_string(::getegid()) + " 1\n";
    user = inside;
  } else if (layers & kSandboxOwnUser) {
    user = UnusedUser();
  }
  plan.private_root = {plan.readable, options.tmp_bytes, user};
  if (!namespaces) {
    plan.directory = "/tmp/joey-sandbox-" + RandomHex(8);
    if (::mkdir(plan.directory.c_str(), 0700) != 0 ||
        ::chown(plan.directory.c_str(), user, static_cast<gid_t>(-1)) != 0) {
      return FileError("make", plan.directory, errno);
    }
    plan.readable.emplace_back("/proc");
    plan.writable = {plan.directory, "/dev/null",   "/dev/zero",
                     "/dev/full",    "/dev/random", "/dev/urandom"};
  }
  if (layers & kSandboxSeccomp) plan.filter = SandboxFilter(namespaces);
  plan.layers = layers;
  plan.arguments = Pointers(options.arguments);
  plan.environment = Pointers(environment);
  return plan;
}

struct Attempt {
  pid_t pid = -1;
  UniqueFd pidfd;
  Failure failure{0, 0};  // of a child that did not get as far as the program
};

Attempt Start(const Plan& plan) {
  Attempt out;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    out.failure = {0, errno};
    return out;
  }
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  unsigned long flags = SIGCHLD | CLONE_PIDFD;
  if (plan.layers & kSandboxNamespaces) flags |= kNamespaces;
  if (plan.user_namespace) flags |= CLONE_NEWUSER;
  int pidfd = -1;
  // Like fork(): the child gets a copy of all memory.
  pid_t pid = static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, &pidfd, nullptr, nullptr));
  if (pid == 0) Child(plan, write_end.get()).Run();
  if (pid < 0) {
    out.failure = {plan.layers & kSandboxNamespaces, errno};
    return out;
  }
  UniqueFd handle(pidfd);
  write_end.Reset();
  Failure failure{0, 0};
  ssize_t got = 0;
  do {
    got = ::read(read_end.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof failure)) {
    ::waitpid(pid, nullptr, 0);
    out.failure = failure;
    return out;
  }
  out.pid = pid;
  out.pidfd = std::move(handle);
  return out;
}

// What this machine was found not to have; later starts do not try it again.
std::atomic<unsigned> unavailable_layers = 0;
std::atomic<bool> needs_user_namespace = false;

}  // namespace

SandboxedProcess::~SandboxedProcess() {
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

Result<SandboxedProcess> SpawnSandboxed(const SandboxOptions& options) {
  if (::geteuid() != 0) needs_user_namespace = true;
  for (;;) {
    const unsigned layers = options.layers & ~unavailable_layers.load();
    const bool user_namespace = (layers & kSandboxNamespaces) != 0 && needs_user_namespace;
    std::vector<std::string> environment = options.environment;
    JOEY_ASSIGN_OR_RETURN(Plan plan, MakePlan(options, layers, user_namespace, environment));
    const std::string home = plan.directory.empty() ? "/tmp" : plan.directory;
    environment.push_back("HOME=" + home);
    environment.push_back("TMPDIR=" + home);
    plan.environment = Pointers(environment);
    Attempt attempt = Start(plan);
    if (attempt.pid >= 0) {
      return SandboxedProcess(Process::OfChild(attempt.pid, std::move(attempt.pidfd)), plan.layers,
                              plan.directory);
    }
    std::error_code ignored;
    if (!plan.directory.empty()) std::filesystem::remove_all(plan.directory, ignored);
    if (attempt.failure.layer == 0) {
      return Internal("cannot start " + options.arguments[0] + ": " +
                      std::strerror(attempt.failure.error));
    }
    if (attempt.failure.layer == kSandboxNamespaces && !needs_user_namespace) {
      needs_user_namespace = true;  // root of a container, perhaps
    } else {
      unavailable_layers |= attempt.failure.layer;
    }
  }
}

std::string MissingLayers(unsigned layers) {
  std::string out;
  const auto add = [&](std::string_view text) { (out += out.empty() ? "" : "; ") += text; };
  if (!(layers & kSandboxNamespaces)) {
    add("no namespaces: it sees other processes' numbers and cannot start processes itself");
    if (!(layers & kSandboxLandlock)) {
      add("no private root and no Landlock: it reads the files that the engine's user may read");
    }
  }
  if (!(layers & kSandboxSeccomp)) add("no seccomp: it may make all system calls");
  if (!(layers & kSandboxOwnUser)) add("no user of its own: it shares the engine's");
  return out;
}

}  // namespace joey
