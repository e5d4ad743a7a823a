// softmax_parts: of each part of a long row the largest element, and the sum of exponentials relative to it.
#include "parts.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kRowsBlock) softmaxPartsKernel(const void* input, void* out, SoftmaxPartsParams p) {
  const Part part = partOf(p);
  if (part.row >= p.rows) return;
  const Row<kRowsBlock> row;
  const In x = In(input, p.formats, 0).from(part.from);
  float most = -infinity(), sum = 0.0f;
  row.each(x, part.length, [&](uint64_t, float v) { most = fmaxf(most, v); });
  most = row.reduce(most, Max());
  if (most == -infinity())  // nothing visible: no sum, unless there is a NaN
    row.each(x, part.length, [&](uint64_t, float v) { sum += v != v ? v : 0.0f; });
  else
    row.each(x, part.length, [&](uint64_t, float v) { sum += expf((v - most) * p.inverseTemperature); });
  sum = row.sum(sum);
  float* const partial = static_cast<float*>(out) + 2 * part.unit;
  if (row.lane == 0) partial[0] = most, partial[1] = sum;
}

SWITCHYARD_KERNEL(softmax_parts, softmaxPartsKernel, kRowsBlock, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
