#version 450
// The nodes of each finest cell in the order of their numbers, beside each other, and their moments.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer B0 { vec2 positions[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { float mass[]; };
layout(std430, set = 0, binding = 2) buffer B2 { uint work[]; };
layout(std430, set = 0, binding = 3) writeonly buffer B3 { vec4 packed[]; };
layout(std430, set = 0, binding = 4) writeonly buffer B4 { uvec2 info[]; };
layout(std430, set = 0, binding = 5) writeonly buffer B5 { vec4 moments[]; };
layout(push_constant) uniform Push { LayoutParams p; };
#include "layout.glsl"

void main() {
  const uint cell = itemIndex();
  if (cell >= cellsOf(p.level)) return;
  const uint at = cellAt(cell), count = work[at], target = 2u * (cellsAbove(p.level) + cell);
  if (count == 0u) {
    info[cell] = uvec2(0u);
    moments[target] = moments[target + 1u] = vec4(0.0);
    return;
  }
  const Square s = SQUARE(work);
  const vec2 centre = vec2(cell & ((1u << p.level) - 1u), cell >> p.level) + 0.5;
  uint nodes[kLayoutCap], held = 0u;
  for (uint next = work[at + 1u]; next != 0u && held < kLayoutCap; next = work[listAt(next - 1u)]) {
    uint i = held++;
    for (; i > 0u && nodes[i - 1u] > next - 1u; --i) nodes[i] = nodes[i - 1u];
    nodes[i] = next - 1u;
  }
  vec4 low = vec4(0.0), high = vec4(0.0);  // moments 0, 1 and 2, 3
  if (count <= kLayoutCap) {
    const uint first = atomicAdd(work[kLayoutCursor], count);
    info[cell] = uvec2(first, count);
    for (uint i = 0; i < held; ++i) {
      const vec2 here = positions[nodes[i]];
      const float m = mass[nodes[i]];
      packed[first + i] = vec4(here, m, uintBitsToFloat(nodes[i]));
      const vec2 z = gridPlace(s, here) - centre, square = times(z, z);
      low += m * vec4(1.0, 0.0, z);
      high += m * vec4(square, times(square, z));
    }
  } else {
    info[cell] = uvec2(0u, kLayoutFull);
    ivec3 sums = ivec3(work[at + 2u], work[at + 3u], work[at + 4u]);
    for (uint i = 0; i < held; ++i) {
      const float m = mass[nodes[i]];
      const vec2 moment = m * (gridPlace(s, positions[nodes[i]]) - centre);
      sums += ivec3(max(fixedMass(m), 1), fixedMass(moment.x), fixedMass(moment.y));
    }
    const float m = float(sums.x) * (float(p.n) / 1073741824.0);
    const vec2 z = vec2(sums.yz) / float(sums.x), square = times(z, z);
    low = m * vec4(1.0, 0.0, z);
    high = m * vec4(square, times(square, z));
  }
  for (uint i = 0; i < 5u; ++i) work[at + i] = 0u;
  moments[target] = low;
  moments[target + 1u] = high;
}
