#version 450
// What comes in by the edges of each segment of a hub.
#include "common.glsl"
layout(local_size_x = 256) in;
#include "pagerank.glsl"
layout(std430, set = 0, binding = 4) readonly buffer StateBuffer { PagerankState state[]; };
layout(std430, set = 0, binding = 5) writeonly buffer SumsBuffer { float sums[]; };

void main() {
  const uint item = itemIndex();
  if (item >= p.count || state[0].done != 0u) return;
  sums[p.first + item] = sumOfRow(p.first + item);
}
