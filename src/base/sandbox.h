// A process for foreign code, held apart from this process, the network and the machine's files.
//
// The sandbox is made of layers. Each is used where the machine has it; what is missing is reported
// and never an error, so that foreign code runs on every machine, as well held as that machine can.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/process.h"
#include "base/status.h"

namespace joey {

enum SandboxLayer : unsigned {
  // Own processes, network (none), System V memory, host name, and a private root directory with
  // nothing but what is listed. Ends all its processes with its first one.
  kSandboxNamespaces = 1,
  kSandboxLandlock = 2,  // files by rule, where there is no private root
  kSandboxSeccomp = 4,   // no sockets, no tracing, no mounts, …
  kSandboxOwnUser = 8,   // a user number that nothing else on the machine has
};
inline constexpr unsigned kSandboxAll =
    kSandboxNamespaces | kSandboxLandlock | kSandboxSeccomp | kSandboxOwnUser;

struct SandboxOptions {
  std::vector<std::string> arguments;    // [0] is the path of the program
  std::vector<std::string> environment;  // "NAME=value"; HOME and TMPDIR are added, nothing else
  std::vector<int> descriptors;          // become 3, 4, …; borrowed
  int output = -1;                       // becomes stdout and stderr; borrowed
  std::vector<std::string> readable;     // files and directories beside the system's libraries
  std::int64_t memory_bytes = 0;         // of private memory; 0 for no limit
  std::int64_t tmp_bytes = 64 << 20;     // of its private /tmp
  std::int64_t file_bytes = 1 << 30;     // of one file
  int processes = 256;                   // with threads; only where it has its own user
  int open_files = 256;
  unsigned layers = kSandboxAll;  // fewer only in tests
};

// One sandboxed process. Destroying it leaves the process alone but removes its private directory.
class SandboxedProcess {
 public:
  SandboxedProcess(Process started, unsigned used, std::string directory)
      : process(std::move(started)), layers(used), directory_(std::move(directory)) {}
  SandboxedProcess(SandboxedProcess&& other) noexcept = default;
  SandboxedProcess& operator=(SandboxedProcess&&) = delete;
  ~SandboxedProcess();

  Process process;
  unsigned layers;  // SandboxLayer bits

 private:
  std::string directory_;  // on the machine's own /tmp, where it could not get a private one
};

// Starts the program. It ends with the calling thread, however that ends: call from a thread that
// lives as long as the program should. Errors: the program itself cannot be started.
Result<SandboxedProcess> SpawnSandboxed(const SandboxOptions& options);

// What `layers` lacks of a whole sandbox, in words for a log; empty when nothing is missing.
std::string MissingLayers(unsigned layers);

}  // namespace joey
