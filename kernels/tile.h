// The block of a matrix-like product: 64 x 64 results from slices of 16 along the depth, 4 x 4 results a thread.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kTile = 64, kSlice = 16, kTileThreads = 256, kPerThread = 4;
// at[depth][row]; padded: rows stay 16-byte aligned and stores spread over the banks.
struct alignas(16) Slice {
  float at[kSlice][kTile + 4];
};

// Fills slice.at[depth][row] with at(firstRow + row, firstDepth + depth), an element of a matrix of rows x depths; zero
// outside. Stored row after row, or with `transposed` depth after depth.
template <class F>
__device__ inline void loadSlice(Slice& slice, uint64_t firstRow, uint64_t rows, uint64_t firstDepth, uint64_t depths,
                                 bool transposed, F at) {
  for (uint32_t e = threadIdx.x; e < kTile * kSlice; e += kTileThreads) {
    // Neighbouring threads read neighbouring addresses.
    const uint32_t row = transposed ? e % kTile : e / kSlice, depth = transposed ? e / kTile : e % kSlice;
    const uint64_t r = firstRow + row, k = firstDepth + depth;
    slice.at[depth][row] = r < rows && k < depths ? at(r, k) : 0.0f;
  }
}
// The same of plain floats; `ld` is the stored row length.
__device__ inline void loadSlice(Slice& slice, const float* matrix, uint64_t firstRow, uint64_t rows,
                                 uint64_t firstDepth, uint64_t depths, uint64_t ld, bool transposed) {
  loadSlice(slice, firstRow, rows, firstDepth, depths, transposed,
            [&](uint64_t r, uint64_t k) { return matrix[transposed ? k * ld + r : r * ld + k]; });
}

// f(result, a, b) for this thread's 4 x 4 results and one depth after another.
template <class F>
__device__ inline void accumulate(float (&results)[kPerThread][kPerThread], const Slice& a, const Slice& b, F f) {
  const uint32_t row = threadIdx.x / (kTile / kPerThread) * kPerThread,
                 column = threadIdx.x % (kTile / kPerThread) * kPerThread;
  for (uint32_t depth = 0; depth < kSlice; ++depth) {
    const float4 x = *reinterpret_cast<const float4*>(&a.at[depth][row]);
    const float4 y = *reinterpret_cast<const float4*>(&b.at[depth][column]);
    const float xs[kPerThread] = {x.x, x.y, x.z, x.w}, ys[kPerThread] = {y.x, y.y, y.z, y.w};
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < kPerThread; ++i) {
      SWITCHYARD_UNROLL
      for (uint32_t j = 0; j < kPerThread; ++j) results[i][j] = f(results[i][j], xs[i], ys[j]);
    }
  }
}

// f(row, column, result) for those of this thread's results that lie inside rows x columns.
template <class F>
__device__ inline void eachResult(const float (&results)[kPerThread][kPerThread], uint64_t firstRow, uint64_t rows,
                                  uint64_t firstColumn, uint64_t columns, F f) {
  const uint32_t row = threadIdx.x / (kTile / kPerThread) * kPerThread,
                 column = threadIdx.x % (kTile / kPerThread) * kPerThread;
  SWITCHYARD_UNROLL
  for (uint32_t i = 0; i < kPerThread; ++i) {
    SWITCHYARD_UNROLL
    for (uint32_t j = 0; j < kPerThread; ++j)
      if (firstRow + row + i < rows && firstColumn + column + j < columns) f(row + i, column + j, results[i][j]);
  }
}

// Whether any thread of the block has results to do again; `any` is shared. All threads call it.
__device__ inline bool anyInBlock(uint32_t lost, uint32_t& any) {
  if (threadIdx.x == 0) any = 0;
  __syncthreads();
  if (lost != 0) any = 1;
  __syncthreads();
  return any != 0;
}

// Results that are done again: a bit for each of this thread's, and f(row, column) for those that are set.
__device__ inline uint32_t bitOfResult(uint32_t row, uint32_t column) {
  return 1u << (row % kPerThread * kPerThread + column % kPerThread);
}
template <class F>
__device__ inline void eachBit(uint32_t bits, F f) {
  const uint32_t row = threadIdx.x / (kTile / kPerThread) * kPerThread,
                 column = threadIdx.x % (kTile / kPerThread) * kPerThread;
  for (uint32_t i = 0; bits >> i != 0; ++i)
    if ((bits >> i & 1) != 0) f(row + i / kPerThread, column + i % kPerThread);
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
