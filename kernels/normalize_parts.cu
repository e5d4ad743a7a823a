// normalize_parts: each part of a long row over max(the row's L2 norm, which is known, epsilon).
#include "parts.h"
#include "reduce_row.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kRowsBlock)
    normalizePartsKernel(const void* input, const Wide* norms, void* out, NormalizePartsParams p) {
  const Part part = partOf(p);
  if (part.row >= p.rows) return;
  const Row<kRowsBlock> row;
  const Wide norm = norms[part.row];
  float by = norm.value * norm.by, times = 1.0f;
  if (by < p.epsilon) by = p.epsilon;
  if (by > 1e37f) {  // or past float32: elements first over a power of two
    times = p.by;
    by = by == infinity() ? norm.value * (norm.by == 1.0f ? times : 1.0f) : by * times;
  }
  row.map(In(input, p.formats, 0).from(part.from), Out(out, p.formats, 2).from(part.from), part.length,
          [&](uint64_t, float v) { return v * times / by; });
}

SWITCHYARD_KERNEL(normalize_parts, normalizePartsKernel, kRowsBlock, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
