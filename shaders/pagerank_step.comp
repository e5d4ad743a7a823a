#version 450
// One iteration of PageRank for a range of nodes.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer B0 { int offsets[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { int sources[]; };
layout(std430, set = 0, binding = 2) readonly buffer B2 { float weights[]; };
layout(std430, set = 0, binding = 3) readonly buffer B3 { float ranks[]; };
layout(std430, set = 0, binding = 4) readonly buffer B4 { PagerankState state[]; };
layout(std430, set = 0, binding = 5) writeonly buffer B5 { float next[]; };
layout(push_constant) uniform Push { PagerankParams p; };


void main() {
  const uint i = itemIndex();
  if (i >= p.nodes || state[0].done != 0u) return;
  const uint node = p.firstNode + i;
  const uint end = uint(offsets[node + 1u]) - p.firstEdge;
  float total = 0.0;
  uint edge = uint(offsets[node]) - p.firstEdge;
  if (end - edge > kPagerankRow) return;  // pagerank_hubs does it
  // Blocks: sums that keep their digits.
  uint turn = 0u;
  float part = 0.0;
  for (; edge < end; edge += 8u) {
    float block = 0.0;
    for (uint k = 0; k < 8u; ++k)
      if (edge + k < end) block += weights[edge + k] * ranks[sources[edge + k]];
    part += block;
    if ((++turn & 31u) == 0u) {
      total += part;
      part = 0.0;
    }
  }
  total += part;
  const float n = float(p.n);
  next[node] = (1.0 - p.damping) / n + p.damping * (total + state[0].danglingSum / n);
}
