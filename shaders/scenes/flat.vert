#version 450
// Boxes of whole pixels.
#extension GL_GOOGLE_include_directive : require
#include "list.glsl"
#include "shape.glsl"
layout(location = 0) flat out vec4 fill;

void main() {
  const Shape s = shapes[p.first + gl_InstanceIndex];
  fill = unpackUnorm4x8(s.fill);
  const vec2 at = s.centre + (corner(gl_VertexIndex) * 2.0 - 1.0) * s.extent;
  gl_Position = placed(clamp(at, p.clip.xy, p.clip.zw), p.size);
}
