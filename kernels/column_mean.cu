// column_mean: sums of each column over a number. One block takes kMeanColumns columns of a slice of the rows.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 1024, kLanes = kThreads / kMeanColumns;  // threads that share a column
constexpr uint32_t kBlockRows = 256;                                   // in one partial sum

__global__ void __launch_bounds__(kThreads) columnMeanKernel(const float* input, float* sums, ColumnMeanParams p) {
  SWITCHYARD_SHARED(float, partial, [kLanes][kMeanColumns]);
  const uint32_t local = threadIdx.x % kMeanColumns, lane = threadIdx.x / kMeanColumns;
  const uint64_t groups = (uint64_t(p.d) + kMeanColumns - 1) / kMeanColumns, slice = linearBlock() / groups;
  const uint64_t column = linearBlock() % groups * kMeanColumns + local, begin = slice * p.slice;
  if (begin >= p.rows) return;  // alike for the whole block
  const uint64_t end = p.rows - begin < p.slice ? p.rows : begin + p.slice;
  float total = 0.0f;
  if (column < p.d) {
    for (uint64_t row = begin + lane; row < end;) {
      float part = 0.0f;  // sums of sums lose fewer digits than one long sum
      for (uint32_t i = 0; i < kBlockRows && row < end; ++i, row += kLanes) part += input[row * p.d + column];
      total += part;
    }
  }
  partial[lane][local] = total;
  __syncthreads();
  for (uint32_t half = kLanes / 2; half > 0; half /= 2) {
    if (lane < half) partial[lane][local] += partial[lane + half][local];
    __syncthreads();
  }
  if (lane == 0 && column < p.d) sums[slice * p.d + column] = partial[0][local] / p.over;
}

SWITCHYARD_KERNEL(column_mean, columnMeanKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
