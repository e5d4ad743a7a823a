// softmax_merge: the largest element of a row and the sum of exponentials relative to it, from those of its parts.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kRowsBlock)
    softmaxMergeKernel(const float* partials, float* totals, SoftmaxParams p) {
  const Row<kRowsBlock> row;
  if (row.index >= p.rows) return;
  const float* const parts = partials + 2 * row.index * p.d;
  float most = -infinity();
  for (uint64_t i = row.lane; i < p.d; i += kRowsBlock) most = fmaxf(most, parts[2 * i]);
  most = row.reduce(most, Max());
  float total = 0.0f;
  for (uint64_t i = row.lane; i < p.d; i += kRowsBlock)
    total += parts[2 * i + 1] * expf((parts[2 * i] - most) * p.inverseTemperature);
  total = row.sum(total);
  if (row.lane == 0) totals[2 * row.index] = most, totals[2 * row.index + 1] = total;
}

SWITCHYARD_KERNEL(softmax_merge, softmaxMergeKernel, kRowsBlock, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
