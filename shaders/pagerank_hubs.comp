#version 450
// One iteration of PageRank for nodes that many point at, a group each.
#include "common.glsl"
layout(local_size_x = 256) in;
const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "rows.glsl"
layout(std430, set = 0, binding = 0) readonly buffer B0 { int offsets[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { int sources[]; };
layout(std430, set = 0, binding = 2) readonly buffer B2 { float weights[]; };
layout(std430, set = 0, binding = 3) readonly buffer B3 { float ranks[]; };
layout(std430, set = 0, binding = 4) readonly buffer B4 { PagerankState state[]; };
layout(std430, set = 0, binding = 5) readonly buffer B5 { uint hubs[]; };
layout(std430, set = 0, binding = 6) writeonly buffer B6 { float next[]; };
layout(push_constant) uniform Push { PagerankParams p; };


void main() {
  const uint i = groupIndex();
  if (i >= p.nodes || state[0].done != 0u) return;
  const uint node = hubs[p.firstNode + i], edge = uint(offsets[node]) - p.firstEdge;
  const uint edges = uint(offsets[node + 1u] - offsets[node]);
  Sum sum = sumOfNone();
  EACH_TURN(turn, edges) {
    const uvec4 c = columnsOf(turn);
    vec4 terms = vec4(0.0);
    [[unroll]] for (uint k = 0; k < 4u; ++k)
      if (c[k] < edges) terms[k] = weights[edge + c[k]] * ranks[sources[edge + c[k]]];
    addTo(sum, turn, terms);
  }
  const float total = sumOf(sum), n = float(p.n);
  if (gl_LocalInvocationID.x == 0u) next[node] = (1.0 - p.damping) / n + p.damping * (total + state[0].danglingSum / n);
}
