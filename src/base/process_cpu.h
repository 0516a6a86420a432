// CPU time of running processes.
#pragma once

#include <sys/types.h>

namespace joey {

// Seconds of CPU that a process, its descendants and those of them that were waited for have used.
// Descendants that ended with nobody waiting are not counted, so the number may also fall.
double ProcessTreeCpuSeconds(pid_t pid);

}  // namespace joey
