// The system calls that foreign code may not make, as a seccomp program.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace joey {

// Everything is allowed but sockets, tracing, mounts, namespaces, kernel administration and calls
// with a history of kernel faults (bpf, io_uring, userfaultfd, …). Without `own_processes` (a
// process namespace) it may also neither send signals nor fork, since nothing else would keep its
// signals from others or end its children with it.
std::vector<sock_filter> SandboxFilter(bool own_processes);

}  // namespace joey
