// A root directory of its own for the calling process, with nothing in it but what is listed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace joey {

struct PrivateRoot {
  // The plan, made before the fork.
  std::vector<std::string> readable;  // absolute; those that do not exist are left out
  std::int64_t tmp_bytes = 0;
  uid_t user = 0;  // owns /tmp
};

// To be called in a new mount namespace, between fork and exec: system calls only. Afterwards `/`
// holds `readable`, read-only and without device files or set-user-ID programs, a few devices,
// /proc where that can be mounted, and an empty /tmp. False with errno when the kernel refuses.
bool EnterPrivateRoot(const PrivateRoot& root);

}  // namespace joey
