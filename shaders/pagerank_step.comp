#version 450
// The next rank of nodes, how far it moved, and what of it is dangling: kPagerankGroup nodes a group.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
#include "reduce.glsl"
#include "pagerank.glsl"
layout(std430, set = 0, binding = 4) readonly buffer ScaleBuffer { float scale[]; };
layout(std430, set = 0, binding = 5) readonly buffer StateBuffer { PagerankState state[]; };
layout(std430, set = 0, binding = 6) buffer RanksBuffer { float ranks[]; };
layout(std430, set = 0, binding = 7) writeonly buffer NextBuffer { float nextShares[]; };
layout(std430, set = 0, binding = 8) writeonly buffer PartialsBuffer { vec2 partials[]; };

void main() {
  const uint group = groupIndex(), begin = p.first + group * kPagerankGroup, all = p.first + p.count;
  if (begin >= all || state[0].done != 0u) return;
  const uint end = min(begin + kPagerankGroup, all);
  const float n = float(p.n), base = (1.0 - p.damping) / n, dangling = state[0].danglingSum / n;
  float moved = 0.0, held = 0.0;
  for (uint node = begin + gl_LocalInvocationID.x; node < end; node += gl_WorkGroupSize.x) {
    const float sum = sumOfRow(p.firstSlice * kPagerankSlice + node - p.hubs);
    const float next = base + p.damping * (sum + dangling), by = scale[node];
    moved += abs(next - ranks[node]);
    held += by == 0.0 ? next : 0.0;
    ranks[node] = next;
    nextShares[node] = next * by;
  }
  const vec2 sums = vec2(groupSum(moved), groupSum(held));
  if (gl_LocalInvocationID.x == 0u) partials[p.hubs + (p.first - p.hubs) / kPagerankGroup + group] = sums;
}
