// layout_cells: the nodes of each finest cell in the order of their numbers, beside each other, and their moments.
#include "layout.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 128;

__global__ void __launch_bounds__(kThreads, 8)
    layoutCellsKernel(const float* positions, const float* mass, uint32_t* work, float4* packed, uint32_t* info,
                      float4* moments, LayoutParams p) {
  const uint64_t item = linearThread();
  if (item >= cellsOf(p.level)) return;
  const uint32_t cell = uint32_t(item);
  uint32_t* at = work + cellAt(p, cell);
  float4* target = moments + 2 * (uint64_t(cellsAbove(p.level)) + cell);
  const uint32_t count = at[0];
  Point m0 = {0.0f, 0.0f}, m1 = m0, m2 = m0, m3 = m0;
  uint32_t nodes[kLayoutCap], held = 0, first = 0;
  for (uint32_t next = at[1]; next != 0 && held < kLayoutCap; next = work[listAt(p, next - 1)]) {
    uint32_t i = held++;
    for (; i > 0 && nodes[i - 1] > next - 1; --i) nodes[i] = nodes[i - 1];
    nodes[i] = next - 1;
  }
  const Square s = squareOf(work, p);
  const Point centre = {float(cell & ((1u << p.level) - 1)) + 0.5f, float(cell >> p.level) + 0.5f};
  if (count > 0 && count <= kLayoutCap) {
    first = atomicAdd(&work[kLayoutCursor], count);
    for (uint32_t i = 0; i < held; ++i) {
      const Point here = positionOf(positions, nodes[i]);
      const float m = mass[nodes[i]];
      packed[first + i] = make_float4(here.x, here.y, m, __int_as_float(int32_t(nodes[i])));
      const Point z = gridPlace(s, p, here) - centre, square = times(z, z);
      m0.x += m, m1 = m1 + m * z, m2 = m2 + m * square, m3 = m3 + m * times(square, z);
    }
  } else if (count > 0) {
    int sums[3] = {int(at[2]), int(at[3]), int(at[4])};
    for (uint32_t i = 0; i < held; ++i) {
      const float m = mass[nodes[i]];
      const Point z = gridPlace(s, p, positionOf(positions, nodes[i])) - centre;
      const int fixed = fixedMass(p, m);
      sums[0] += fixed < 1 ? 1 : fixed, sums[1] += fixedMass(p, m * z.x), sums[2] += fixedMass(p, m * z.y);
    }
    const Point z = (1.0f / float(sums[0])) * Point{float(sums[1]), float(sums[2])}, square = times(z, z);
    const float m = float(sums[0]) * (float(p.n) / 1073741824.0f);
    m0.x = m, m1 = m * z, m2 = m * square, m3 = m * times(square, z);
  }
  for (uint32_t i = 0; i < 5; ++i) at[i] = 0;
  info[2 * item] = first, info[2 * item + 1] = count <= kLayoutCap ? count : kLayoutFull;
  target[0] = joined(m0, m1), target[1] = joined(m2, m3);
}

SWITCHYARD_KERNEL(layout_cells, layoutCellsKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
