// Limits of CPU time and memory for a process, through Linux control groups of either version.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace joey {

// One group with its limits. Removed when destroyed; processes that are still in it are ended.
class Cgroup {
 public:
  // `name` becomes a directory below "joey" of each controller. `cpus` 0 and `memory_bytes` 0 mean
  // no limit of that kind. kUnavailable where this process may not make groups. An existing group
  // of that name is taken over and its limits are set anew. `root`: where the groups are mounted.
  static Result<std::unique_ptr<Cgroup>> Make(const std::string& name, double cpus,
                                              std::int64_t memory_bytes,
                                              const std::string& root = "/sys/fs/cgroup");
  // Removes the groups of that name that an earlier run left, and ends the processes in them.
  static void Remove(const std::string& name);
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  // Writing "0" to each of these puts the writing process into the group.
  const std::vector<std::string>& procs_files() const { return procs_files_; }
  // How often the kernel ended a process of the group for want of memory.
  int OutOfMemoryKills() const;
  // CPU time that all its processes have used; nullopt where the kernel does not count it.
  std::optional<double> CpuSeconds() const;

 private:
  Cgroup() = default;
  std::vector<std::string> directories_;
  std::vector<std::string> procs_files_;
  std::string oom_file_;
  std::string cpu_file_;  // one number in nanoseconds, or lines of "name value"
};

// How often the kernel ended a process of the group that this process is in for want of memory; 0
// where that cannot be known.
int OwnOutOfMemoryKills();

}  // namespace joey
