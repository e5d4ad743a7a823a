#version 450
// Moments of larger cells from those of the smaller ones in them.
#include "common.glsl"
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) buffer B0 { vec4 moments[]; };
layout(push_constant) uniform Push { LayoutParams p; };
#include "layout.glsl"

void main() {
  uint cell = itemIndex(), up = 1u;
  while (up < 3u && p.from - up > kLayoutTop && cell >= cellsOf(p.from - up)) cell -= cellsOf(p.from - up++);
  const uint level = p.from - up;
  if (cell >= cellsOf(level)) return;
  const uint x = cell & ((1u << level) - 1u), y = cell >> level, width = 1u << up;
  const float scale = 1.0 / float(width);
  vec2 m0 = vec2(0.0), m1 = m0, m2 = m0, m3 = m0;
  for (uint i = 0; i < width * width; ++i) {
    const uvec2 within = uvec2(i & (width - 1u), i >> up);
    const uint from = 2u * (cellsAbove(p.from) + (((y << up) + within.y) << p.from) + (x << up) + within.x);
    const vec4 low = moments[from];
    if (low.x == 0.0) continue;
    const vec4 high = moments[from + 1u];
    const vec2 d = vec2(within) + 0.5 - 0.5 * float(width), d2 = times(d, d);
    m0 += low.xy;
    m1 += low.zw + low.x * d;
    m2 += high.xy + 2.0 * times(d, low.zw) + low.x * d2;
    m3 += high.zw + 3.0 * times(d, high.xy) + 3.0 * times(d2, low.zw) + low.x * times(d2, d);
  }
  const uint target = 2u * (cellsAbove(level) + cell);
  moments[target] = vec4(m0, scale * m1);
  moments[target + 1u] = scale * scale * vec4(m2, scale * m3);
}
