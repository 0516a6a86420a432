// Landlock: rules about files that a process gives itself and can never take back. Needs no
// privilege. The functions make system calls only and may be used between fork and exec.
#pragma once

#include <string>
#include <vector>

namespace joey {

// The version of Landlock that the kernel has; 0 for none.
int LandlockVersion();

// Forbids this process all files but those below `readable` (to read and run) and `writable`, TCP,
// and signals and abstract sockets to outside, as far as the version goes. Paths that do not exist
// are left out. False with errno when the kernel refuses.
bool RestrictToFiles(int version, const std::vector<std::string>& readable,
                     const std::vector<std::string>& writable);

}  // namespace joey
