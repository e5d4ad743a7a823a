// sort_chunk: the steps of a bitonic sort that stay in one chunk, of several sizes at once. One block a chunk.
#include "sort.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = kTopKChunk / 2;  // one pair a thread in each step

__global__ void __launch_bounds__(kThreads) sortChunkKernel(uint32_t* keys, uint32_t* indices, SortChunkParams p) {
  SWITCHYARD_SHARED(uint64_t, words, [kTopKChunk]);
  const uint64_t block = linearBlock(), chunks = p.padded / kTopKChunk;
  if (block >= p.rows * chunks) return;
  const uint64_t from = block * kTopKChunk;
  const uint32_t inRow = uint32_t(block % chunks) * kTopKChunk;
  for (uint32_t i = threadIdx.x; i < kTopKChunk; i += kThreads)
    words[i] = uint64_t(keys[from + i]) << 32 | indices[from + i];
  __syncthreads();
  for (uint64_t size = p.size; size <= p.last; size *= 2)
    for (uint32_t stride = uint32_t(size < kTopKChunk ? size : kTopKChunk) / 2; stride > 0; stride /= 2)
      sortStepShared<kThreads>(words, kTopKChunk, uint32_t(size), stride, inRow);
  for (uint32_t i = threadIdx.x; i < kTopKChunk; i += kThreads) {
    keys[from + i] = uint32_t(words[i] >> 32);
    indices[from + i] = uint32_t(words[i]);
  }
}

SWITCHYARD_KERNEL(sort_chunk, sortChunkKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
