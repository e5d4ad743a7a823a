// top_k_chunk: one block sorts one chunk of a row's candidates in shared memory and writes the best k.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = kTopKChunk / 2;  // one pair a thread in each step

__global__ void __launch_bounds__(kThreads)
    topKChunkKernel(const void* candidates, const uint32_t* inIndices, uint32_t* outKeys, uint32_t* outIndices,
                    TopKChunkParams p) {
  // Key above index in one word: one comparison orders by key, then by the lower index.
  __shared__ uint64_t best[kTopKChunk];
  const uint64_t block = linearBlock();
  if (block >= uint64_t(p.rows) * p.chunks) return;
  const uint64_t row = block / p.chunks, first = block % p.chunks * kTopKChunk;
  for (uint32_t i = threadIdx.x; i < kTopKChunk; i += kThreads) {
    const uint64_t column = first + i, at = row * p.d + column;
    uint32_t key = kMissingKey, index = kMissingIndex;
    if (column < p.d) {
      key = p.fromValues ? sortKey(static_cast<const float*>(candidates)[at], p.largest != 0)
                         : static_cast<const uint32_t*>(candidates)[at];
      index = p.fromValues ? uint32_t(column) : inIndices[at];
    }
    best[i] = uint64_t(key) << 32 | index;
  }
  __syncthreads();
  for (uint32_t size = 2; size <= kTopKChunk; size *= 2) {
    for (uint32_t stride = size / 2; stride > 0; stride /= 2) {
      const uint32_t low = 2 * stride * (threadIdx.x / stride) + threadIdx.x % stride, high = low + stride;
      const uint64_t a = best[low], b = best[high];
      if ((a > b) == ((low & size) == 0)) best[low] = b, best[high] = a;
      __syncthreads();
    }
  }
  for (uint32_t i = threadIdx.x; i < p.k; i += kThreads) {
    outKeys[block * p.k + i] = uint32_t(best[i] >> 32);
    outIndices[block * p.k + i] = uint32_t(best[i]);
  }
}

SWITCHYARD_KERNEL(top_k_chunk, topKChunkKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
