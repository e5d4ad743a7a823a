// softmax: each row to exp((x - max) / temperature) / sum.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads, uint32_t kQuads>
__global__ void __launch_bounds__(rowBlock(kThreads), heldBlocks(kThreads, kQuads))
    softmaxKernel(const void* input, void* out, SoftmaxParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const In x = In(input, p.formats, 0).from(row.index * p.d);
  const Out y = Out(out, p.formats, 1).from(row.index * p.d);
  const auto values = elementsOf<kQuads>(row, x, p.d, x.hasFours() && y.hasFours());
  float most = -infinity();
  values.each([&](uint64_t, float v) { most = fmaxf(most, v); });
  most = row.reduce(most, Max());
  const auto powers = values.through([&](uint64_t, float v) { return expf((v - most) * p.inverseTemperature); });
  float total = 0.0f;
  powers.each([&](uint64_t, float v) { total += v; });  // a NaN shows here
  total = row.sum(total);
  powers.write(y, [&](uint64_t, float v) { return v / total; });
}

SWITCHYARD_HELD_ROW_KERNEL(softmax, softmaxKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
