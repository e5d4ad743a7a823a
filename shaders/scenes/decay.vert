#version 450
#extension GL_GOOGLE_include_directive : require
#include "decay.glsl"

void main() {
  const vec2 corner = vec2(50 >> gl_VertexIndex & 1, 44 >> gl_VertexIndex & 1);
  gl_Position = vec4(mix(p.from, p.to, corner) * 2.0 / p.size - 1.0, 0.0, 1.0);
}
