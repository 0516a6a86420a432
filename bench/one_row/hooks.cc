// Stands in front of the C library's allocator and copy functions, for all libraries of the
// process, and counts. Compiled with -fno-builtin, so that a copy loop does not call itself.
#include <cerrno>
#include <cstddef>

#include "counts.h"

using joey::one_row::counting;
using joey::one_row::counts;

extern "C" {

// What glibc keeps for those who replace malloc.
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

namespace {

[[maybe_unused]] const bool linked = (counting = true);

void CountAllocation(std::size_t size) {
  ++counts.allocations;
  counts.allocated_bytes += size;
}

void CountCopy(std::size_t size) {
  ++counts.copies;
  counts.copied_bytes += size;
}

}  // namespace

void* malloc(std::size_t size) {
  CountAllocation(size);
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
  CountAllocation(count * size);
  return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) {
  CountAllocation(size);
  return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) {
  CountAllocation(size);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  CountAllocation(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  CountAllocation(size);
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t size) {
  CountCopy(size);
  void* out = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return out;
}

void* memmove(void* to, const void* from, std::size_t size) {
  CountCopy(size);
  void* out = to;
  if (static_cast<char*>(to) <= from || static_cast<const char*>(from) + size <= to) {
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return out;
  }
  auto* last_to = static_cast<char*>(to) + size - 1;
  const auto* last_from = static_cast<const char*>(from) + size - 1;
  asm volatile("std; rep movsb; cld" : "+D"(last_to), "+S"(last_from), "+c"(size) : : "memory");
  return out;
}

}  // extern "C"
