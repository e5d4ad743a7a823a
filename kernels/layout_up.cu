// layout_up: moments of larger cells from those of the smaller ones in them.
#include "layout.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 64;

__global__ void __launch_bounds__(kThreads) layoutUpKernel(float4* moments, LayoutParams p) {
  uint64_t cell = linearThread();
  uint32_t up = 1;
  while (up < 3 && p.from - up > kLayoutTop && cell >= cellsOf(p.from - up)) cell -= cellsOf(p.from - up), ++up;
  const uint32_t level = p.from - up;
  if (cell >= cellsOf(level)) return;
  const uint32_t x = uint32_t(cell) & ((1u << level) - 1), y = uint32_t(cell) >> level, width = 1u << up;
  const float scale = 1.0f / float(width);
  Point m0 = {0.0f, 0.0f}, m1 = m0, m2 = m0, m3 = m0;
  for (uint32_t i = 0; i < width * width; ++i) {
    const uint32_t dx = i & (width - 1), dy = i >> up;
    const float4* from = moments + 2 * (uint64_t(cellsAbove(p.from)) + (((y << up) + dy) << p.from) + (x << up) + dx);
    const float4 low = from[0];
    if (low.x == 0.0f) continue;
    const float4 high = from[1];
    const Point d = {float(dx) + 0.5f - 0.5f * float(width), float(dy) + 0.5f - 0.5f * float(width)}, d2 = times(d, d);
    const Point a1 = highOf(low), a2 = lowOf(high), a3 = highOf(high);
    m0.x += low.x;
    m1 = m1 + a1 + low.x * d;
    m2 = m2 + a2 + 2.0f * times(d, a1) + low.x * d2;
    m3 = m3 + a3 + 3.0f * times(d, a2) + 3.0f * times(d2, a1) + low.x * times(d2, d);
  }
  float4* target = moments + 2 * (uint64_t(cellsAbove(level)) + cell);
  target[0] = joined(m0, scale * m1);
  target[1] = joined(scale * scale * m2, scale * scale * scale * m3);
}

SWITCHYARD_KERNEL(layout_up, layoutUpKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
