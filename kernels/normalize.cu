// normalize: each row over max(its L2 norm, epsilon).
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads, uint32_t kQuads>
__global__ void __launch_bounds__(rowBlock(kThreads), heldBlocks(kThreads, kQuads))
    normalizeKernel(const void* input, void* out, NormalizeParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const In x = In(input, p.formats, 0).from(row.index * p.d);
  const Out y = Out(out, p.formats, 1).from(row.index * p.d);
  const auto values = elementsOf<kQuads>(row, x, p.d, x.hasFours() && y.hasFours());
  const auto squares = row.squares(values);
  const float norm = squares.norm();
  // In two steps where the magnitudes were scaled: the norm itself may be past float32 or subnormal.
  const bool tiny = norm < p.epsilon;  // a NaN is not
  const float first = tiny ? 1.0f : squares.scale, second = tiny ? p.epsilon : sqrtf(squares.sum);
  if (first == 1.0f)
    values.write(y, [&](uint64_t, float v) { return v / second; });
  else
    values.write(y, [&](uint64_t, float v) { return v / first / second; });
}

SWITCHYARD_HELD_ROW_KERNEL(normalize, normalizeKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
