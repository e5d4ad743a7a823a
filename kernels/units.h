// Kernels that move units of 1, 2, 4 or 16 bytes as they are: a unit a thread, or of small ones a word.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kUnitThreads = 256;

struct alignas(16) Quad {
  uint32_t x, y, z, w;
};

// from(i) -> the buffer that unit i of out comes from, and its place there.
struct UnitPlace {
  const void* data;
  uint64_t at;
};
template <class T>
__device__ inline T unitOf(const UnitPlace& place) {
  return static_cast<const T*>(place.data)[place.at];
}

template <class T, class From>
__device__ inline void moveWord(void* out, uint32_t count, uint64_t item, const From& from) {
  constexpr uint32_t kUnits = 4 / sizeof(T);
  const uint64_t first = item * kUnits;
  if (first >= count) return;
  uint32_t word = 0;
  for (uint32_t i = 0; i < kUnits && first + i < count; ++i)
    word |= uint32_t(unitOf<T>(from(first + i))) << 8 * sizeof(T) * i;
  static_cast<uint32_t*>(out)[item] = word;
}

template <class From>
__device__ inline void moveUnits(void* out, uint32_t count, uint32_t unit, const From& from) {
  const uint64_t item = linearThread();
  if (unit == 1) return moveWord<uint8_t>(out, count, item, from);
  if (unit == 2) return moveWord<unsigned short>(out, count, item, from);
  if (item >= count) return;
  if (unit == 16)
    static_cast<Quad*>(out)[item] = unitOf<Quad>(from(item));
  else
    static_cast<uint32_t*>(out)[item] = unitOf<uint32_t>(from(item));
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
