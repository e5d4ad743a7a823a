#version 450
// All forces on each node, and its next position.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer B0 { vec2 positions[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { vec4 packed[]; };
layout(std430, set = 0, binding = 2) readonly buffer B2 { uvec2 info[]; };
layout(std430, set = 0, binding = 3) readonly buffer B3 { vec4 moments[]; };
layout(std430, set = 0, binding = 4) readonly buffer B4 { vec4 fields[]; };
layout(std430, set = 0, binding = 5) buffer B5 { uint work[]; };
layout(std430, set = 0, binding = 6) writeonly buffer B6 { vec2 next[]; };
layout(push_constant) uniform Push { LayoutParams p; };
#include "layout.glsl"

// The bounds of the next iteration: a subgroup's at once, and only where they are new.
void widen(vec2 at) {
  const uint bounds = 4u * (1u - p.parity);
  const uvec2 low = subgroupMin(uvec2(orderOf(at.x), orderOf(at.y))),
              high = subgroupMax(uvec2(orderOf(at.x), orderOf(at.y)));
  if (!subgroupElect()) return;
  for (uint i = 0; i < 2u; ++i) {
    if (low[i] < work[bounds + i]) atomicMin(work[bounds + i], low[i]);
    if (high[i] > work[bounds + 2u + i]) atomicMax(work[bounds + 2u + i], high[i]);
  }
}

void main() {
  const uint node = itemIndex();
  if (node >= p.n) return;
  const Square s = SQUARE(work);
  const vec2 here = positions[node], place = gridPlace(s, here), jitter = jitterOf(node);
  const uvec2 cell = cellOf(place);
  const float cellSide = s.side / float(1u << p.level);
  vec2 push = vec2(0.0);
  float stiffness = 0.0;
  for (uint level = kLayoutTop; level <= p.level; ++level) {
    const uint up = p.level - level, at = 2u * (cellsAbove(level) + ((cell.y >> up) << level) + (cell.x >> up));
    const float scale = 1.0 / float(1u << up);
    const vec2 u = place * scale - vec2(cell >> up) - 0.5;
    const vec4 low = fields[at], high = fields[at + 1u];
    const vec2 f = low.xy + times(u, low.zw + times(u, high.xy + times(u, high.zw)));
    push += (scale / cellSide) * vec2(f.x, -f.y);
  }
  const float softening = 1e-2 * sqrt(p.repulsion), wide = 0.25 * cellSide * cellSide;
  const ivec2 begin = max(ivec2(cell) - 1, ivec2(0)), end = min(ivec2(cell) + 1, ivec2((1 << p.level) - 1));
  for (int y = begin.y; y <= end.y; ++y)
    for (int x = begin.x; x <= end.x; ++x) {
      const uint other = (uint(y) << p.level) + uint(x);
      const uvec2 about = info[other];
      if (about.y == kLayoutFull) {
        const vec4 low = moments[2u * (cellsAbove(p.level) + other)];
        const vec2 d = cellSide * (place - vec2(x, y) - 0.5 - low.zw / low.x + 0.1 * jitter);
        const float force = low.x / (dot(d, d) + wide);
        push += force * d;
        stiffness += force;
        continue;
      }
      for (uint i = about.x; i < about.x + about.y; ++i) {
        const vec4 q = packed[i];
        const uint id = floatBitsToUint(q.w);
        if (id == node) continue;
        vec2 d = here - q.xy;
        if (d == vec2(0.0)) d = softening * (jitter - jitterOf(id));
        const float force = q.z / (dot(d, d) + softening * softening);
        push += force * d;
        stiffness += force;
      }
    }
  const uint pulled = pullAt(node);
  const vec2 pull = vec2(int(work[pulled]), int(work[pulled + 1u])) * (s.side / 1073741824.0);
  work[pulled] = work[pulled + 1u] = 0u;
  vec2 way = (p.step / (1.0 + p.gravity + p.repulsion * stiffness)) * (p.repulsion * push + pull - p.gravity * here);
  const float far = length(way), limit = p.limit * max(s.side, p.natural);
  if (far > limit) way *= limit / far;
  next[node] = here + way;
  work[kLayoutMoved + node] = floatBitsToUint(min(far, limit));
  widen(here + way);
}
