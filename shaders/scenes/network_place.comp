#version 450
// Where each node's disc is, how large and of what colour; and its light, summed in the cells of a coarse grid.
#extension GL_GOOGLE_include_directive : require
#include "network.glsl"
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) readonly buffer Positions { vec2 positions[]; };
layout(std430, set = 0, binding = 1) readonly buffer Ranks { float ranks[]; };
layout(std430, set = 0, binding = 2) readonly buffer Groups { int groups[]; };
layout(std430, set = 0, binding = 3) readonly buffer Table { uint table[]; };
layout(std430, set = 0, binding = 4) writeonly buffer Nodes { Node nodes[]; };
layout(std430, set = 0, binding = 5) buffer Light { uint light[]; };

void main() {
  const uint i = threadIndex(gl_WorkGroupID, gl_LocalInvocationID.x);
  if (i >= p.nodes) return;
  const float rank = clamp(ranks[i] * p.rankScale, 0.0, 1.0);
  const vec2 at = p.middle + (positions[i] - p.centre) * vec2(p.scale, -p.scale);
  const float radius = sqrt(p.areaLow + p.areaSpan * rank);
  const uint entry = p.grouped != 0u ? uint(max(groups[i] + 1, 0)) : uint(sqrt(rank) * float(p.colours - 1u) + 0.5);
  const uint colour = table[min(entry, p.colours - 1u)];
  nodes[i] = Node(at, radius, colour);

  const vec2 place = at / p.cell - 0.5;
  if (any(lessThan(place, vec2(-1.0))) || any(greaterThan(place, vec2(p.cells)))) return;
  const ivec2 first = ivec2(floor(place));
  const vec2 part = place - vec2(first);
  const float breath = p.beat != 0.0 ? 1.0 + 0.35 * sin(6.2831853 * (p.beat / 4.0 + chance(i))) : 1.0;
  const vec3 shine = unpackUnorm4x8(colour).rgb * (kLight * 3.14159265 * radius * radius / (p.cell * p.cell) * breath);
  for (int k = 0; k < 4; ++k) {
    const ivec2 offset = ivec2(k & 1, k >> 1), c = first + offset;
    if (any(lessThan(c, ivec2(0))) || any(greaterThanEqual(c, ivec2(p.cells)))) continue;
    const vec2 near = mix(1.0 - part, part, vec2(offset));
    const uvec3 added = uvec3(shine * near.x * near.y + 0.5);
    const uint at3 = (uint(c.y) * p.cells.x + uint(c.x)) * 3u;
    for (int channel = 0; channel < 3; ++channel) atomicAdd(light[at3 + channel], added[channel]);
  }
}
