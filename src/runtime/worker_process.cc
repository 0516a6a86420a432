#include "runtime/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <vector>

#include "base/limits.h"

namespace joey {

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const WorkerPoolOptions& options) {
  JOEY_ASSIGN_OR_RETURN(WorkerChannel::Pair ends, WorkerChannel::Make());
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    return ResourceExhausted(std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  UniqueFd read_end(pipe[0]);
  UniqueFd write_end(pipe[1]);
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  SandboxOptions sandbox;
  sandbox.arguments = options.arguments;
  sandbox.environment = options.environment;
  sandbox.descriptors = {ends.socket.get(), ends.area.get()};
  std::vector<UniqueFd> files;
  for (const std::string& path : options.files) {
    files.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!files.back().valid()) return FileError("open", path, errno);
    sandbox.descriptors.push_back(files.back().get());
  }
  sandbox.output = write_end.get();
  sandbox.readable = options.readable;
  sandbox.memory_bytes = options.memory_bytes;
  sandbox.tmp_bytes = options.tmp_bytes;
  sandbox.file_bytes = static_cast<std::int64_t>(limits::kWorkerFrameBytesMax);
  JOEY_ASSIGN_OR_RETURN(SandboxedProcess sandboxed, SpawnSandboxed(sandbox));
  ends.channel.SetTimeout(options.timeout);
  std::unique_ptr<WorkerProcess> worker(
      new WorkerProcess(std::move(sandboxed), std::move(ends.channel),
                        LineReader(std::move(read_end), options.print)));
  // It waits in the socket until the program reads it.
  Status sent =
      worker->channel_.Send(FrameKind::kStart, 0, options.start_first, {options.start_second});
  if (!sent.ok()) {
    worker->End();
    return sent;
  }
  return worker;
}

std::int64_t WorkerProcess::ResidentBytes() const {
  Result<std::string> text =
      ReadFile("/proc/" + std::to_string(sandboxed_.process.pid()) + "/statm", 256);
  if (!text.ok()) return 0;
  std::int64_t total = 0;
  std::int64_t resident = 0;
  std::istringstream(*text) >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

void WorkerProcess::KillForMemory() {
  killed_for_memory_ = true;
  ::syscall(SYS_pidfd_send_signal, sandboxed_.process.pidfd(), SIGKILL, nullptr, 0);
}

std::string WorkerProcess::End(std::chrono::milliseconds patience) {
  constexpr std::chrono::seconds kKillMax{10};  // memory of a large process takes a while to free
  if (!sandboxed_.process.WaitFor(patience)) {
    sandboxed_.process.Signal(SIGKILL);
    sandboxed_.process.WaitFor(kKillMax);
  }
  return sandboxed_.process.ending();
}

}  // namespace joey
