#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

namespace joey {

namespace {

UniqueFd OpenPidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

Status MakePipe(UniqueFd (&ends)[2]) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return ResourceExhausted(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  ends[0] = UniqueFd(fds[0]);
  ends[1] = UniqueFd(fds[1]);
  return {};
}

Status MakeSocketPair(UniqueFd (&ends)[2]) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return ResourceExhausted(std::string("cannot make a socket pair: ") + std::strerror(errno));
  }
  ends[0] = UniqueFd(fds[0]);
  ends[1] = UniqueFd(fds[1]);
  return {};
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// Runs in the child between fork and exec, where only async-signal-safe calls are allowed.
[[noreturn]] void BecomeProgram(const ProcessOptions& options, char* const* arguments,
                                char* const* environment, int output, int failure_pipe,
                                const UniqueFd (&go)[2]) {
  const auto fail = [&] {
    int error = errno;
    (void)!::write(failure_pipe, &error, sizeof error);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  // A caller that has ended already is noticed below: nobody says that the program may run.
  if (options.ends_with_caller && ::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) fail();
  // With our own copy of the writing end open, the end of the parent would go unnoticed.
  ::close(go[1].get());
  char may_run = 0;
  ssize_t got = 0;
  do {
    got = ::read(go[0].get(), &may_run, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const std::string& file : options.cgroups) {
    int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "0", 1) != 1) fail();
    ::close(fd);
  }
  if (options.data_bytes_max > 0) {
    rlimit limit{static_cast<rlim_t>(options.data_bytes_max),
                 static_cast<rlim_t>(options.data_bytes_max)};
    if (::setrlimit(RLIMIT_DATA, &limit) != 0) fail();
  }
  int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (::dup2(null, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) fail();
  // Also the descriptors that libraries opened without O_CLOEXEC. 4 = CLOSE_RANGE_CLOEXEC.
  ::syscall(SYS_close_range, 3U, ~0U, 4U);
  ::execve(arguments[0], arguments, environment);
  fail();
  ::_exit(127);
}

}  // namespace

std::optional<std::uint64_t> ProcessStartTicks(pid_t pid) {
  Result<std::string> stat = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat.ok()) return std::nullopt;
  // The command name in parentheses may hold anything; the start time is field 22, 20 after it.
  std::size_t end = stat->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream rest(stat->substr(end + 1));
  std::string field;
  std::string state;
  rest >> state;
  if (state == "Z" || state == "X") return std::nullopt;
  for (int i = 0; i < 19 && rest >> field; ++i) {
  }
  std::uint64_t ticks = 0;
  if (!(std::istringstream(field) >> ticks)) return std::nullopt;
  return ticks;
}

Result<Process> Process::Spawn(const ProcessOptions& options) {
  UniqueFd output(
      ::open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output.valid()) return FileError("open", options.output_file, errno);
  UniqueFd failure[2];
  UniqueFd go[2];
  JOEY_RETURN_IF_ERROR(MakePipe(failure));
  // Not a pipe: writing to a child that was killed must not raise SIGPIPE.
  JOEY_RETURN_IF_ERROR(MakeSocketPair(go));
  std::vector<char*> arguments = Pointers(options.arguments);
  std::vector<char*> environment = Pointers(options.environment);
  pid_t pid = ::fork();
  if (pid < 0) {
    return ResourceExhausted(std::string("cannot start a process: ") + std::strerror(errno));
  }
  if (pid == 0) {
    BecomeProgram(options, arguments.data(), environment.data(), output.get(), failure[1].get(),
                  go);
  }
  failure[1].Reset();
  go[0].Reset();
  UniqueFd pidfd = OpenPidfd(pid);
  if (!pidfd.valid()) {
    ::kill(pid, SIGKILL);  // our own child, not yet waited for: its number is still its own
    ::waitpid(pid, nullptr, 0);
    return Internal("cannot watch a process: the kernel has no pidfd_open",
                    "Linux 5.4 or newer is needed");
  }
  Process process(pid, ProcessStartTicks(pid).value_or(0), std::move(pidfd), true);
  if (options.record) {
    if (Status recorded = options.record(process); !recorded.ok()) {
      go[1].Reset();
      ::waitpid(pid, nullptr, 0);
      return recorded;
    }
  }
  (void)::send(go[1].get(), "1", 1, MSG_NOSIGNAL);
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(failure[0].get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof error) {
    ::waitpid(pid, nullptr, 0);
    return Internal("cannot start " + options.arguments[0] + ": " + std::strerror(error));
  }
  return process;
}

std::optional<Process> Process::Adopt(pid_t pid, std::uint64_t start_ticks) {
  UniqueFd pidfd = OpenPidfd(pid);
  if (!pidfd.valid()) return std::nullopt;
  // The descriptor first, then the check: it cannot change its process any more.
  if (ProcessStartTicks(pid) != start_ticks) return std::nullopt;
  return Process(pid, start_ticks, std::move(pidfd), false);
}

Process Process::OfChild(pid_t pid, UniqueFd pidfd) {
  return Process(pid, ProcessStartTicks(pid).value_or(0), std::move(pidfd), true);
}

void Process::Signal(int signal) {
  if (!ended_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

bool Process::WaitFor(std::chrono::milliseconds limit) {
  if (ended_) return true;
  pollfd poll{pidfd_.get(), POLLIN, 0};
  if (::poll(&poll, 1, static_cast<int>(limit.count())) != 1) return false;
  ended_ = true;
  ending_ = "ended";
  if (!child_) return true;
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return true;
  if (WIFEXITED(status)) {
    exit_status_ = WEXITSTATUS(status);
    ending_ = "exit status " + std::to_string(exit_status_);
  } else if (WIFSIGNALED(status)) {
    ending_ =
        "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  }
  return true;
}

}  // namespace joey
