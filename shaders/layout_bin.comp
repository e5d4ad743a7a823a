#version 450
// The nodes of each cell, and what edges pull.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer B0 { vec2 positions[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { float mass[]; };
layout(std430, set = 0, binding = 2) readonly buffer B2 { int offsets[]; };
layout(std430, set = 0, binding = 3) readonly buffer B3 { int columns[]; };
layout(std430, set = 0, binding = 4) readonly buffer B4 { float weights[]; };
layout(std430, set = 0, binding = 5) readonly buffer B5 { uvec4 extras[]; };
layout(std430, set = 0, binding = 6) buffer B6 { uint work[]; };
layout(push_constant) uniform Push { LayoutParams p; };
#include "layout.glsl"

void addPull(uint node, ivec2 pull) {
  atomicAdd(work[pullAt(node)], uint(pull.x));
  atomicAdd(work[pullAt(node) + 1u], uint(pull.y));
}

void main() {
  const uint item = itemIndex();
  if (item >= p.n + p.extras) return;
  const Square s = SQUARE(work);
  uint node = item, edge, end;
  if (item < p.n) {
    edge = uint(offsets[item]);
    end = min(uint(offsets[item + 1u]), edge + kLayoutRow);
  } else {
    const uvec4 extra = extras[item - p.n];
    edge = extra.x, end = extra.y, node = extra.z;
  }
  const vec2 here = positions[node];
  const float own = mass[node];
  if (item < p.n) {
    const vec2 place = gridPlace(s, here);
    const uvec2 cell = cellOf(place);
    const uint at = cellAt((cell.y << p.level) + cell.x);
    if (atomicAdd(work[at], 1u) < kLayoutCap) {
      work[listAt(node)] = atomicExchange(work[at + 1u], node + 1u);
    } else {
      const vec2 moment = own * (place - vec2(cell) - 0.5);
      atomicAdd(work[at + 2u], uint(max(fixedMass(own), 1)));
      atomicAdd(work[at + 3u], uint(fixedMass(moment.x)));
      atomicAdd(work[at + 4u], uint(fixedMass(moment.y)));
    }
  }
  if (item == 0u) work[kLayoutCursor] = 0u;
  // What all edges of a node pull is less than the side: it fits.
  const float fixedPoint = 1073741824.0 / s.side;
  vec2 total = vec2(0.0);
  for (; edge < end; ++edge) {
    const uint other = uint(columns[edge]);
    if (other == node) continue;
    const vec2 pull = ((positions[other] - here) * fixedPoint) *
                      (p.hasWeights != 0u ? p.weightScale * weights[edge] : p.weightScale);
    total += pull;
    addPull(other, -ivec2(round(pull / mass[other])));
  }
  if (total != vec2(0.0)) addPull(node, ivec2(round(total / own)));
}
