// What the counting program has allocated and copied so far.
#pragma once

#include <cstdint>

namespace joey::one_row {

// Counted by hooks.cc; all zero in the program that is linked without it. The program has one
// thread while it counts.
struct Counts {
  std::uint64_t allocations = 0;  // malloc and its relatives, operator new among them
  std::uint64_t allocated_bytes = 0;
  std::uint64_t copies = 0;  // calls of memcpy and memmove; small ones are often inlined instead
  std::uint64_t copied_bytes = 0;
};

inline Counts counts;
inline bool counting = false;  // set by hooks.cc

}  // namespace joey::one_row
