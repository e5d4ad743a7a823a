#version 450
// The field in each cell of what is near its parent but not near itself.
#include "common.glsl"
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) readonly buffer B0 { vec4 moments[]; };
layout(std430, set = 0, binding = 1) writeonly buffer B1 { vec4 fields[]; };
layout(std430, set = 0, binding = 2) buffer B2 { uint work[]; };
layout(push_constant) uniform Push { LayoutParams p; };
#include "layout.glsl"

void main() {
  uint cell = itemIndex(), level = p.level;
  if (cell < 4u) work[4u * (1u - p.parity) + cell] = cell < 2u ? 0xFFFFFFFFu : 0u;
  while (level > kLayoutTop && cell >= cellsOf(level)) cell -= cellsOf(level--);
  if (cell >= cellsOf(level)) return;
  const uint first = cellsAbove(level);
  if (moments[2u * (first + cell)].x == 0.0) return;  // nobody reads its field
  const int width = 1 << level, x = int(cell) & (width - 1), y = int(cell) >> level;
  ivec2 begin = ivec2(0), end = ivec2(width - 1);
  if (level > kLayoutTop) {
    begin = max(2 * ivec2(x / 2 - 1, y / 2 - 1), begin);
    end = min(2 * ivec2(x / 2 + 1, y / 2 + 1) + 1, end);
  }
  vec2 f0 = vec2(0.0), f1 = f0, f2 = f0, f3 = f0;
  for (int sy = begin.y; sy <= end.y; ++sy)
    for (int sx = begin.x; sx <= end.x; ++sx) {
      const ivec2 d = ivec2(sx - x, sy - y);
      if (max(abs(d.x), abs(d.y)) < 2) continue;
      const uint source = 2u * (first + (uint(sy) << level) + uint(sx));
      const vec4 low = moments[source];
      if (low.x == 0.0) continue;
      const vec4 high = moments[source + 1u];
      const vec2 inverse = vec2(d.x, -d.y) / float(d.x * d.x + d.y * d.y), square = times(inverse, inverse),
                 cube = times(square, inverse);
      const vec2 a0 = -low.x * inverse, a1 = times(square, low.zw), a2 = -times(cube, high.xy),
                 a3 = times(times(square, square), high.zw);
      f0 += a0 + a1 + a2 + a3;
      f1 += times(inverse, a0 + 2.0 * a1 + 3.0 * a2 + 4.0 * a3);
      f2 += times(square, a0 + 3.0 * a1 + 6.0 * a2 + 10.0 * a3);
      f3 += times(cube, a0 + 4.0 * a1 + 10.0 * a2 + 20.0 * a3);
    }
  fields[2u * (first + cell)] = vec4(f0, f1);
  fields[2u * (first + cell) + 1u] = vec4(f2, f3);
}
