#version 450
// The largest element of a row and the sum of exponentials relative to it, from those of its parts.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
#include "math.glsl"
#include "reduce.glsl"
layout(std430, set = 0, binding = 0) readonly buffer PartialsBuffer { vec2 partials[]; };
layout(std430, set = 0, binding = 1) writeonly buffer TotalsBuffer { vec2 totals[]; };
layout(push_constant) uniform Push { SoftmaxParams p; };

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint first = row * p.d, lane = gl_LocalInvocationID.x;
  float best = -INFINITY;
  for (uint i = lane; i < p.d; i += gl_WorkGroupSize.x) best = joinMax(best, partials[first + i].x);
  const float largest = groupMax(best);
  float sum = 0.0;
  for (uint i = lane; i < p.d; i += gl_WorkGroupSize.x) {
    const vec2 part = partials[first + i];
    sum += part.y * exactExp((part.x - largest) * p.inverseTemperature);
  }
  const float total = groupSum(sum);
  if (lane == 0u) totals[row] = vec2(largest, total);
}
