// Child processes, and processes of an earlier run that are still there.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/status.h"

namespace joey {

class Process;

struct ProcessOptions {
  std::vector<std::string> arguments;    // [0] is the path of the program; no shell is involved
  std::vector<std::string> environment;  // "NAME=value"; nothing else is inherited
  std::string output_file;               // stdout and stderr are appended to it
  std::vector<std::string> cgroups;      // cgroup.procs files to join before the program starts
  std::int64_t data_bytes_max = 0;       // RLIMIT_DATA; 0 for none
  // SIGTERM for it when the thread that calls Spawn() ends, however it ends.
  bool ends_with_caller = false;
  // Writes down which process it is, before the program runs. When this fails, or this process is
  // killed before it returns, the program never runs: no program runs that nobody knows of.
  std::function<Status(const Process&)> record;
};

// Handle of one process. It refers to that process only, never to another one that got its number
// later: signals go through a pidfd. Destroying the handle leaves the process alone.
class Process {
 public:
  // In a process group of its own, with default signal handling and no descriptors but stdio.
  static Result<Process> Spawn(const ProcessOptions& options);
  // A process that an earlier run started; nullopt when it is gone (its number may be in use by
  // another one, which its start time tells apart).
  static std::optional<Process> Adopt(pid_t pid, std::uint64_t start_ticks);
  // A child of this process that something else started.
  static Process OfChild(pid_t pid, UniqueFd pidfd);

  pid_t pid() const { return pid_; }
  std::uint64_t start_ticks() const { return start_ticks_; }  // since boot, from /proc
  int pidfd() const { return pidfd_.get(); }                  // readable once the process has ended

  void Signal(int signal);
  // Waits for its end for at most `limit`; true when it has ended.
  bool WaitFor(std::chrono::milliseconds limit);
  bool Ended() { return WaitFor(std::chrono::milliseconds(0)); }
  // How it ended: "exit status 3", "signal 9 (Killed)"; "ended" where that cannot be known.
  const std::string& ending() const { return ending_; }
  int exit_status() const { return exit_status_; }  // -1 when it did not exit by itself

 private:
  Process(pid_t pid, std::uint64_t start_ticks, UniqueFd pidfd, bool child)
      : pid_(pid), start_ticks_(start_ticks), pidfd_(std::move(pidfd)), child_(child) {}

  pid_t pid_;
  std::uint64_t start_ticks_;
  UniqueFd pidfd_;
  bool child_;
  bool ended_ = false;
  int exit_status_ = -1;
  std::string ending_;
};

// Start time of a process in clock ticks since boot; nullopt when there is no such process.
std::optional<std::uint64_t> ProcessStartTicks(pid_t pid);

}  // namespace joey
