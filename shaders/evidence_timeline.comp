#version 450
// timestamp, importance * exp(-decay * |currentTime - timestamp|), relevance, category.
#include "common.glsl"
layout(local_size_x = 256) in;
#include "math.glsl"
layout(std430, set = 0, binding = 0) readonly buffer B0 { vec4 evidence[]; };
layout(std430, set = 0, binding = 1) writeonly buffer B1 { vec4 timeline[]; };
layout(push_constant) uniform Push { TimelineParams p; };


void main() {
  const uint row = itemIndex();
  if (row >= p.rows) return;
  const vec4 e = evidence[row];  // timestamp, importance, category, relevance
  // Half the time that has passed: a difference of two times may be past float32, and a weight below it, where the
  // product is not.
  precise const float passed = 0.5 * p.currentTime - 0.5 * e.x, weight = exactExp(-p.decay * abs(passed));
  precise const float importance = e.y * weight * weight;
  timeline[row] = vec4(e.x, importance, e.w, e.z);
}
