// softmax: each row to exp((x - max) / temperature) / sum.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads>
__global__ void __launch_bounds__(rowBlock(kThreads), 1024 / rowBlock(kThreads))
    softmaxKernel(const void* input, void* out, SoftmaxParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const In x = In(input, p.formats, 0).from(row.index * p.d);
  const Out y = Out(out, p.formats, 1).from(row.index * p.d);
  float most = -infinity();
  row.each(x, p.d, [&](uint64_t, float v) { most = fmaxf(most, v); });
  most = row.reduce(most, Max());
  float total = 0.0f;
  row.each(x, p.d, [&](uint64_t, float v) { total += expf((v - most) * p.inverseTemperature); });  // a NaN shows here
  total = row.sum(total);
  row.map(x, y, p.d, [&](uint64_t, float v) { return expf((v - most) * p.inverseTemperature) / total; });
}

SWITCHYARD_ROW_KERNEL(softmax, softmaxKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
