// A step of a bitonic sort in shared memory, of words that have the key above the index.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// Compares and exchanges `length` words, `stride` apart, by the directions of `size`; the first is word `from` of what
// is sorted. All threads of the block call it.
template <uint32_t kThreads>
__device__ inline void sortStepShared(uint64_t* words, uint32_t length, uint32_t size, uint32_t stride, uint32_t from) {
  for (uint32_t pair = threadIdx.x; pair < length / 2; pair += kThreads) {
    const uint32_t low = 2 * pair - (pair & (stride - 1)), high = low + stride;
    const uint64_t a = words[low], b = words[high];
    if ((a > b) == (((from + low) & size) == 0)) words[low] = b, words[high] = a;
  }
  __syncthreads();
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
