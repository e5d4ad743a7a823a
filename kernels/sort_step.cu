// sort_step: one compare-exchange step of a bitonic sort of every row, ascending by (key, index). One item a pair.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads) sortStepKernel(uint32_t* keys, uint32_t* indices, SortParams p) {
  const uint64_t i = linearThread(), pairs = p.padded / 2;
  if (i >= p.rows * pairs) return;
  const uint64_t row = i / pairs, pair = i % pairs;
  const uint64_t low = 2ull * p.stride * (pair / p.stride) + pair % p.stride;
  const uint64_t a = row * p.padded + low, b = a + p.stride;
  const uint32_t keyA = keys[a], keyB = keys[b], indexA = indices[a], indexB = indices[b];
  const bool greater = keyA != keyB ? keyA > keyB : indexA > indexB;
  if (greater == ((low & p.size) == 0)) {
    keys[a] = keyB, keys[b] = keyA;
    indices[a] = indexB, indices[b] = indexA;
  }
}

SWITCHYARD_KERNEL(sort_step, sortStepKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
