#version 450
// One box of any direction for each instance, with room for its soft edge.
#extension GL_GOOGLE_include_directive : require
#include "list.glsl"
#include "shape.glsl"
layout(location = 0) flat out vec4 frame;  // centre, axis
layout(location = 1) flat out vec4 form;  // extent, radius, border
layout(location = 2) flat out vec4 fill;
layout(location = 3) flat out vec4 edge;
layout(location = 4) flat out float soft;

void main() {
  const Shape s = shapes[p.first + gl_InstanceIndex];
  const vec2 local = (corner(gl_VertexIndex) * 2.0 - 1.0) * (s.extent + s.grow);
  frame = vec4(s.centre, s.axis);
  form = vec4(s.extent, s.radius, s.border);
  fill = unpackUnorm4x8(s.fill);
  edge = unpackUnorm4x8(s.edge);
  soft = s.soft;
  gl_Position = placed(s.centre + local.x * s.axis + local.y * vec2(-s.axis.y, s.axis.x), p.size);
}
