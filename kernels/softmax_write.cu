// softmax_write: exp((x - max) / temperature) / sum for each part of a long row whose maximum and sum are known.
#include "parts.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kRowsBlock)
    softmaxWriteKernel(const void* input, const float* totals, void* out, SoftmaxPartsParams p) {
  const Part part = partOf(p);
  if (part.row >= p.rows) return;
  const Row<kRowsBlock> row;
  const float most = totals[2 * part.row], total = totals[2 * part.row + 1];
  row.map(In(input, p.formats, 0).from(part.from), Out(out, p.formats, 2).from(part.from), part.length,
          [&](uint64_t, float v) { return expf((v - most) * p.inverseTemperature) / total; });
}

SWITCHYARD_KERNEL(softmax_write, softmaxWriteKernel, kRowsBlock, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
