#include "base/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

#include "base/files.h"

namespace joey {

namespace {

constexpr std::int64_t kPeriodMicros = 100'000;
const std::string kRoot = "/sys/fs/cgroup";

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Status WriteControl(const std::string& file, const std::string& value) {
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return FileError("open", file, errno);
  return WriteAll(fd.get(), value, file);
}

Status MakeGroup(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return Unavailable("cannot make the control group " + path);
}

std::string CpuQuota(double cpus) {
  return std::to_string(
      std::max<std::int64_t>(1000, static_cast<std::int64_t>(cpus * kPeriodMicros)));
}

}  // namespace

Result<std::unique_ptr<Cgroup>> Cgroup::Make(const std::string& name, double cpus,
                                             std::int64_t memory_bytes, const std::string& root) {
  std::unique_ptr<Cgroup> group(new Cgroup());
  const auto enter = [&](const std::string& parent) -> Result<std::string> {
    JOEY_RETURN_IF_ERROR(MakeGroup(parent));
    std::string path = parent + "/" + name;
    JOEY_RETURN_IF_ERROR(MakeGroup(path));
    group->directories_.push_back(path);
    group->procs_files_.push_back(path + "/cgroup.procs");
    return path;
  };
  Result<std::string> controllers = ReadFile(root + "/cgroup.controllers", 4096);
  if (controllers.ok() && controllers->find("cpu") != std::string::npos &&
      controllers->find("memory") != std::string::npos) {
    // Version 2: controllers must be passed down level by level.
    JOEY_RETURN_IF_ERROR(WriteControl(root + "/cgroup.subtree_control", "+cpu +memory"));
    JOEY_RETURN_IF_ERROR(MakeGroup(root + "/joey"));
    JOEY_RETURN_IF_ERROR(WriteControl(root + "/joey/cgroup.subtree_control", "+cpu +memory"));
    JOEY_ASSIGN_OR_RETURN(std::string path, enter(root + "/joey"));
    std::string quota = cpus > 0 ? CpuQuota(cpus) : "max";
    JOEY_RETURN_IF_ERROR(
        WriteControl(path + "/cpu.max", quota + " " + std::to_string(kPeriodMicros)));
    JOEY_RETURN_IF_ERROR(WriteControl(path + "/memory.max",
                                      memory_bytes > 0 ? std::to_string(memory_bytes) : "max"));
    // Without swap no process would be ended, all of them would be slow; kernels may lack the file.
    (void)WriteControl(path + "/memory.swap.max", memory_bytes > 0 ? "0" : "max");
    group->oom_file_ = path + "/memory.events";
    group->cpu_file_ = path + "/cpu.stat";
    return group;
  }
  if (!Exists(root + "/cpu/cpu.cfs_quota_us") && !Exists(root + "/cpu/tasks")) {
    return Unavailable("this machine has no control groups for CPU and memory");
  }
  if (cpus > 0) {
    JOEY_ASSIGN_OR_RETURN(std::string path, enter(root + "/cpu/joey"));
    JOEY_RETURN_IF_ERROR(WriteControl(path + "/cpu.cfs_period_us", std::to_string(kPeriodMicros)));
    JOEY_RETURN_IF_ERROR(WriteControl(path + "/cpu.cfs_quota_us", CpuQuota(cpus)));
  }
  if (memory_bytes > 0) {
    JOEY_ASSIGN_OR_RETURN(std::string path, enter(root + "/memory/joey"));
    JOEY_RETURN_IF_ERROR(
        WriteControl(path + "/memory.limit_in_bytes", std::to_string(memory_bytes)));
    // Memory and swap together; kernels may lack the file.
    (void)WriteControl(path + "/memory.memsw.limit_in_bytes", std::to_string(memory_bytes));
    group->oom_file_ = path + "/memory.oom_control";
  }
  if (Exists(root + "/cpuacct/cpuacct.usage")) {
    JOEY_ASSIGN_OR_RETURN(std::string path, enter(root + "/cpuacct/joey"));
    group->cpu_file_ = path + "/cpuacct.usage";
  }
  return group;
}

namespace {

// A group is busy for a moment after its last process has ended, and for as long as a child that
// its program left behind lives: such a child is ended too.
void RemoveGroup(const std::string& directory) {
  constexpr int kTries = 500;  // a throttled group takes its time to die
  for (int i = 0; i < kTries && ::rmdir(directory.c_str()) != 0 && errno == EBUSY; ++i) {
    Result<std::string> members = ReadFile(directory + "/cgroup.procs", 1 << 20);
    if (!members.ok()) return;
    std::istringstream pids(*members);
    for (pid_t pid = 0; pids >> pid;) {
      if (pid > 0) ::kill(pid, SIGKILL);
    }
    ::usleep(10'000);
  }
}

}  // namespace

void Cgroup::Remove(const std::string& name) {
  for (const char* parent : {"/joey/", "/cpu/joey/", "/memory/joey/", "/cpuacct/joey/"}) {
    RemoveGroup(kRoot + parent + name);
  }
}

Cgroup::~Cgroup() {
  for (const std::string& directory : directories_) RemoveGroup(directory);
}

namespace {

// The value of a line "name value" in a control file.
std::optional<std::int64_t> ReadEntry(const std::string& file, std::string_view name) {
  Result<std::string> text = ReadFile(file, 4096);
  if (!text.ok()) return std::nullopt;
  std::istringstream words(*text);
  std::string key;
  std::int64_t value = 0;
  while (words >> key >> value) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace

int Cgroup::OutOfMemoryKills() const {
  return static_cast<int>(ReadEntry(oom_file_, "oom_kill").value_or(0));
}

std::optional<double> Cgroup::CpuSeconds() const {
  if (const auto micros = ReadEntry(cpu_file_, "usage_usec")) {
    return static_cast<double>(*micros) / 1e6;
  }
  Result<std::string> text = ReadFile(cpu_file_, 64);
  double nanos = 0;
  if (!text.ok() || !(std::istringstream(*text) >> nanos)) return std::nullopt;
  return nanos / 1e9;
}

int OwnOutOfMemoryKills() {
  // Lines "number:controllers:path"; version 2 has number 0 and names no controllers.
  Result<std::string> groups = ReadFile("/proc/self/cgroup", 16 << 10);
  if (!groups.ok()) return 0;
  std::istringstream lines(*groups);
  std::int64_t kills = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos) continue;
    const std::string_view kind = std::string_view(line).substr(0, path);
    if (kind.ends_with(":memory:")) {
      const std::string file = kRoot + "/memory" + line.substr(path) + "/memory.oom_control";
      kills += ReadEntry(file, "oom_kill").value_or(0);
    } else if (kind == "0::") {
      kills += ReadEntry(kRoot + line.substr(path) + "/memory.events", "oom_kill").value_or(0);
    }
  }
  return static_cast<int>(kills);
}

}  // namespace joey
