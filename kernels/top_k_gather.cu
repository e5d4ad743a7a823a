// top_k_gather: the first k sorted indices of each row, and the values they name. One item is `together` elements.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    topKGatherKernel(const void* input, const uint32_t* sorted, void* values, int32_t* indices, TopKGatherParams p) {
  const In in(input, p.formats, 0);
  const Out out(values, p.formats, 2);
  const uint64_t count = uint64_t(p.rows) * p.k, first = linearThread() * p.together;
  for (uint64_t i = first; i < first + p.together && i < count; ++i) {
    const uint64_t row = i / p.k;
    const uint32_t column = sorted[row * p.inStride + i % p.k];
    // k <= d: the guard keeps a fault from reading astray
    out.put(i, column < p.d ? in[row * p.d + column] : quietNan());
    indices[i] = int32_t(column);
  }
}

SWITCHYARD_KERNEL(top_k_gather, topKGatherKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
