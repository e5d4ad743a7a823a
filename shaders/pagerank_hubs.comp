#version 450
// The next rank of nodes that many point at, from the sums of their segments. A group each.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "rows.glsl"
layout(std430, set = 0, binding = 0) readonly buffer SegmentsBuffer { uint segments[]; };
layout(std430, set = 0, binding = 1) readonly buffer SumsBuffer { float sums[]; };
layout(std430, set = 0, binding = 2) readonly buffer ScaleBuffer { float scale[]; };
layout(std430, set = 0, binding = 3) readonly buffer StateBuffer { PagerankState state[]; };
layout(std430, set = 0, binding = 4) buffer RanksBuffer { float ranks[]; };
layout(std430, set = 0, binding = 5) writeonly buffer NextBuffer { float nextShares[]; };
layout(std430, set = 0, binding = 6) writeonly buffer PartialsBuffer { vec2 partials[]; };
layout(push_constant) uniform Push { PagerankParams p; };

void main() {
  const uint node = groupIndex(), lane = LANE;
  if (node >= p.hubs || state[0].done != 0u) return;
  const uint end = segments[node + 1u];
  Sum s = sumOfNone();
  uint turn = 0u;
  for (uint i = segments[node] + lane; i < end; i += W) addTo(s, turn++, vec4(sums[i], 0.0, 0.0, 0.0));
  const float sum = groupSum(s.total.x + s.part.x);
  if (lane != 0u) return;
  const float n = float(p.n), by = scale[node];
  const float next = (1.0 - p.damping) / n + p.damping * (sum + state[0].danglingSum / n);
  partials[node] = vec2(abs(next - ranks[node]), by == 0.0 ? next : 0.0);
  ranks[node] = next;
  nextShares[node] = next * by;
}
