// Large memory goes back to the system a little at a time: while one thread unmaps it, no other can change the
// process's mappings, which an event loop does as V8 grows its heap.
#pragma once
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

namespace switchyard {

inline void unmapInSteps(std::byte* data, size_t bytes) noexcept {
  constexpr size_t kStep = 4 << 20;  // a fraction of a millisecond
  for (size_t at = 0; bytes > kStep && at < bytes; at += kStep)
    madvise(data + at, std::min(kStep, bytes - at), MADV_DONTNEED);
  munmap(data, bytes);
}

}  // namespace switchyard
