#version 450
// How far an iteration moved, what the dangling nodes hold, and whether that was the last one.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "rows.glsl"
layout(std430, set = 0, binding = 0) readonly buffer PartialsBuffer { vec2 partials[]; };
layout(std430, set = 0, binding = 1) buffer StateBuffer { PagerankState state[]; };
layout(push_constant) uniform Push { PagerankParams p; };

void main() {
  if (groupIndex() != 0u || state[0].done != 0u) return;
  Sum s = sumOfNone();
  uint turn = 0u;
  for (uint i = LANE; i < p.partials; i += W) addTo(s, turn++, vec4(partials[i], 0.0, 0.0));
  const vec4 all = s.total + s.part;
  const float moved = groupSum(all.x), held = groupSum(all.y);
  if (LANE != 0u) return;
  const uint iterations = state[0].iterations + 1u;
  state[0].residual = moved;
  state[0].danglingSum = held;
  state[0].iterations = iterations;
  state[0].done = moved < p.tolerance || iterations >= p.maxIterations ? 1u : 0u;
}
