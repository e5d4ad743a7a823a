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
  timeline[row] = vec4(e.x, e.y * exactExp(-p.decay * abs(p.currentTime - e.x)), e.w, e.z);
}
