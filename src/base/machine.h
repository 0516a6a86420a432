// What this machine has for us.
#pragma once

#include <cstdint>

namespace joey {

// CPUs this process may run on (its affinity), further limited by a CPU quota of its control group.
double MachineCpus();

// Memory of the machine in bytes, or the limit of the control group if that is lower.
std::int64_t MachineMemoryBytes();

}  // namespace joey
