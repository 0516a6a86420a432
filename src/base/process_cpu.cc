#include "base/process_cpu.h"

#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <string>

#include "base/files.h"

namespace joey {

namespace {

constexpr int kDepthMax = 8;

double OwnSeconds(const std::string& folder) {
  Result<std::string> stat = ReadFile(folder + "/stat", 4096);
  if (!stat.ok()) return 0;
  // The name in parentheses may hold anything; user and system time, of itself and of children
  // that were waited for, are fields 14 to 17.
  const std::size_t end = stat->rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream rest(stat->substr(end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double ticks = 0;
  double value = 0;
  for (int i = 0; i < 4 && rest >> value; ++i) ticks += value;
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double TreeSeconds(pid_t pid, int depth) {
  const std::string folder = "/proc/" + std::to_string(pid);
  double seconds = OwnSeconds(folder);
  if (depth == kDepthMax) return seconds;
  std::error_code error;
  for (std::filesystem::directory_iterator task(folder + "/task", error), none;
       !error && task != none; task.increment(error)) {
    Result<std::string> children = ReadFile(task->path().string() + "/children", 1 << 16);
    if (!children.ok()) continue;
    std::istringstream pids(*children);
    for (pid_t child = 0; pids >> child;) seconds += TreeSeconds(child, depth + 1);
  }
  return seconds;
}

}  // namespace

double ProcessTreeCpuSeconds(pid_t pid) { return TreeSeconds(pid, 0); }

}  // namespace joey
