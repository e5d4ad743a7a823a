// pool: one row for each sequence of rows. A block takes kPoolColumns columns of a sequence: threads side by side the
// columns, and what is left of it every slices-th row.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

// Rounds once for every block of so many rows, so that the error of a long sum does not grow with its length.
constexpr uint32_t kBlock = 16;

__device__ inline float joined(uint32_t kind, float a, float b) {
  if (kind == kPoolMean) return a + b;
  return b > a || b != b ? b : a;  // a NaN wins: nothing is larger than it
}

// Of this thread's column, each row times `by`. Every thread of the block calls it.
__device__ inline float ofColumn(const In& in, const PoolParams& p, uint64_t begin, uint64_t end, uint32_t first,
                                 uint32_t columns, float by) {
  SWITCHYARD_SHARED(float, found, [kThreads]);
  const uint32_t slices = kThreads / columns, own = threadIdx.x % columns, slice = threadIdx.x / columns;
  const float none = p.kind == kPoolMean ? 0.0f : -infinity();
  float total = none;
  if (slice < slices)
    for (uint64_t row = begin + slice * kBlock; row < end; row += uint64_t(slices) * kBlock) {
      float block = none;
      for (uint64_t i = row; i < row + kBlock && i < end; ++i)
        block = joined(p.kind, block, in[i * p.d + first + own] * by);
      total = joined(p.kind, total, block);
    }
  __syncthreads();  // what stood there has been read
  found[threadIdx.x] = total;
  __syncthreads();
  float all = none;
  for (uint32_t i = 0; i < slices; ++i) all = joined(p.kind, all, found[i * columns + own]);
  return all;
}

__global__ void __launch_bounds__(kThreads, 4)
    poolKernel(const void* input, const int32_t* offsets, void* out, PoolParams p) {
  SWITCHYARD_SHARED(uint32_t, overflowed);
  const uint64_t blocks = (p.d + kPoolColumns - 1) / kPoolColumns, sequence = linearBlock() / blocks;
  if (sequence >= p.n) return;
  const uint32_t first = uint32_t(linearBlock() % blocks) * kPoolColumns;
  const uint32_t columns = p.d - first < kPoolColumns ? p.d - first : kPoolColumns;
  const uint64_t begin = uint64_t(offsets[sequence]), end = uint64_t(offsets[sequence + 1]);
  const In in(input, p.formats, 0);
  float result = 0.0f;
  if (begin < end && (p.kind == kPoolFirst || p.kind == kPoolLast)) {
    result = in[(p.kind == kPoolFirst ? begin : end - 1) * p.d + first + threadIdx.x % columns];
  } else if (begin < end) {
    result = ofColumn(in, p, begin, end, first, columns, 1.0f);
    if (p.kind == kPoolMean) {
      const float count = float(end - begin);
      if (threadIdx.x == 0) overflowed = 0;
      __syncthreads();
      if (!isFinite(result)) overflowed = 1;
      __syncthreads();
      const bool again = !isFinite(result);
      result = result / count;
      if (overflowed) {  // maybe only on the way
        const float small = ofColumn(in, p, begin, end, first, columns, powerOfTwo(-64));
        if (again) result = small / count * powerOfTwo(64);
      }
    }
  }
  if (threadIdx.x < columns) Out(out, p.formats, 2).put(sequence * p.d + first + threadIdx.x, result);
}

SWITCHYARD_KERNEL(pool, poolKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
