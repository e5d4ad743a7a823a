// top_k_gather: the first k sorted indices of each row, and the values they name. One item an output element.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    topKGatherKernel(const float* input, const uint32_t* sorted, float* values, int32_t* indices, TopKGatherParams p) {
  const uint64_t i = linearThread();
  if (i >= uint64_t(p.rows) * p.k) return;
  const uint64_t row = i / p.k;
  const uint32_t column = sorted[row * p.inStride + i % p.k];
  // k <= d: the guard keeps a fault from reading astray
  values[i] = column < p.d ? input[row * p.d + column] : quietNan();
  indices[i] = int32_t(column);
}

SWITCHYARD_KERNEL(top_k_gather, topKGatherKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
