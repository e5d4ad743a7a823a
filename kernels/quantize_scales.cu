// quantize_scales: max|x| / levels of each row; NaN when the row holds one.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads>
__global__ void __launch_bounds__(rowBlock(kThreads), 1024 / rowBlock(kThreads))
    quantizeScalesKernel(const float* input, float* scales, QuantizeParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  float most = 0.0f;
  row.each(input + row.index * p.d, p.d, [&](uint64_t, float v) { most = MaxNan()(most, fabsf(v)); });
  most = row.reduce(most, MaxNan());
  if (row.lane == 0) scales[row.index] = most / (p.bits == 4 ? 7.0f : 127.0f);
}

SWITCHYARD_ROW_KERNEL(quantize_scales, quantizeScalesKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
