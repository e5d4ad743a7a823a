// layout_far: the field in each cell of what is near its parent but not near itself.
#include "layout.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 128;

__global__ void __launch_bounds__(kThreads)
    layoutFarKernel(const float4* moments, float4* fields, uint32_t* work, LayoutParams p) {
  uint64_t cell = linearThread();
  uint32_t level = p.level;
  if (cell < 4) work[4 * (1 - p.parity) + cell] = cell < 2 ? 0xFFFFFFFFu : 0u;
  while (level > kLayoutTop && cell >= cellsOf(level)) cell -= cellsOf(level), --level;
  if (cell >= cellsOf(level)) return;
  const uint64_t first = cellsAbove(level);
  if (moments[2 * (first + cell)].x == 0.0f) return;  // nobody reads its field
  const int last = int(1u << level) - 1, x = int(cell) & last, y = int(cell >> level);
  int beginX = 0, beginY = 0, endX = last, endY = last;
  if (level > kLayoutTop) {
    beginX = x / 2 < 1 ? 0 : 2 * (x / 2 - 1), beginY = y / 2 < 1 ? 0 : 2 * (y / 2 - 1);
    endX = 2 * (x / 2) + 3 > last ? last : 2 * (x / 2) + 3, endY = 2 * (y / 2) + 3 > last ? last : 2 * (y / 2) + 3;
  }
  Point f0 = {0.0f, 0.0f}, f1 = f0, f2 = f0, f3 = f0;
  for (int sy = beginY; sy <= endY; ++sy)
    for (int sx = beginX; sx <= endX; ++sx) {
      const int dx = sx - x, dy = sy - y;
      if (dx > -2 && dx < 2 && dy > -2 && dy < 2) continue;
      const float4* source = moments + 2 * (first + (uint64_t(sy) << level) + uint64_t(sx));
      const float4 low = source[0];
      if (low.x == 0.0f) continue;
      const float4 high = source[1];
      const Point inverse = (1.0f / float(dx * dx + dy * dy)) * Point{float(dx), float(-dy)},
                  square = times(inverse, inverse), cube = times(square, inverse);
      const Point a0 = -low.x * inverse, a1 = times(square, highOf(low)), a2 = -1.0f * times(cube, lowOf(high)),
                  a3 = times(times(square, square), highOf(high));
      f0 = f0 + a0 + a1 + a2 + a3;
      f1 = f1 + times(inverse, a0 + 2.0f * a1 + 3.0f * a2 + 4.0f * a3);
      f2 = f2 + times(square, a0 + 3.0f * a1 + 6.0f * a2 + 10.0f * a3);
      f3 = f3 + times(cube, a0 + 4.0f * a1 + 10.0f * a2 + 20.0f * a3);
    }
  fields[2 * (first + cell)] = joined(f0, f1);
  fields[2 * (first + cell) + 1] = joined(f2, f3);
}

SWITCHYARD_KERNEL(layout_far, layoutFarKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
