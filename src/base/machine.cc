#include "base/machine.h"

#include <sched.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <sstream>

#include "base/files.h"

namespace joey {

namespace {

// The first number in a small file; 0 when there is none.
double FirstNumber(const char* path) {
  Result<std::string> text = ReadFile(path, 256);
  if (!text.ok()) return 0;
  double value = 0;
  std::istringstream(*text) >> value;
  return value;
}

}  // namespace

double MachineCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  double cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (Result<std::string> max = ReadFile("/sys/fs/cgroup/cpu.max", 256); max.ok()) {
    double quota = 0;
    double period = 0;
    if (std::istringstream(*max) >> quota >> period && period > 0)
      cpus = std::min(cpus, quota / period);
  }
  double quota = FirstNumber("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  double period = FirstNumber("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota > 0 && period > 0) cpus = std::min(cpus, quota / period);
  return cpus;
}

std::int64_t MachineMemoryBytes() {
  struct sysinfo info {};
  ::sysinfo(&info);
  auto bytes = static_cast<double>(info.totalram) * info.mem_unit;
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    double limit = FirstNumber(file);
    if (limit > 0) bytes = std::min(bytes, limit);
  }
  return static_cast<std::int64_t>(bytes);
}

}  // namespace joey
