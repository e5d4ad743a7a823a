#version 450
// How far an iteration moved, what the dangling nodes hold, and whether that was the last one.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "rows.glsl"
layout(std430, set = 0, binding = 0) readonly buffer B0 { uint dangling[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { float ranks[]; };
layout(std430, set = 0, binding = 2) readonly buffer B2 { float next[]; };
layout(std430, set = 0, binding = 3) buffer B3 { PagerankState state[]; };
layout(push_constant) uniform Push { PagerankParams p; };


void main() {
  if (groupIndex() != 0u || state[0].done != 0u) return;
  Sum movedSum = sumOfNone(), heldSum = sumOfNone();
  EACH_TURN(turn, p.n) {
    const uvec4 c = columnsOf(turn);
    vec4 moved = vec4(0.0), held = vec4(0.0);
    [[unroll]] for (uint i = 0; i < 4u; ++i)
      if (c[i] < p.n) {
        const float now = next[c[i]];
        moved[i] = abs(now - ranks[c[i]]);
        if (dangling[c[i]] != 0u) held[i] = now;
      }
    addTo(movedSum, turn, moved);
    addTo(heldSum, turn, held);
  }
  const float moved = sumOf(movedSum), held = sumOf(heldSum);
  if (gl_LocalInvocationID.x != 0u) return;
  const uint iterations = state[0].iterations + 1u;
  state[0].residual = moved;
  state[0].danglingSum = held;
  state[0].iterations = iterations;
  state[0].done = moved < p.tolerance || iterations >= p.maxIterations ? 1u : 0u;
}
