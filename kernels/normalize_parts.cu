// normalize_parts: each part of a long row over max(the row's L2 norm, which is known, epsilon).
#include "parts.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kRowsBlock)
    normalizePartsKernel(const void* input, const float* norms, void* out, NormalizePartsParams p) {
  const Part part = partOf(p);
  if (part.row >= p.rows) return;
  const Row<kRowsBlock> row;
  const float norm = norms[part.row], whole = norm * p.by;
  // In two steps where the norm itself is past float32.
  const bool past = whole == infinity() && norm != infinity();
  const float first = whole < p.epsilon ? p.epsilon : past ? norm : whole, second = past ? p.by : 1.0f;
  row.map(In(input, p.formats, 0).from(part.from), Out(out, p.formats, 2).from(part.from), part.length,
          [&](uint64_t, float v) { return v / first / second; });
}

SWITCHYARD_KERNEL(normalize_parts, normalizePartsKernel, kRowsBlock, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
