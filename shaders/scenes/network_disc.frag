#version 450
#extension GL_GOOGLE_include_directive : require
#include "network.glsl"
// and no interpolated place: drivers differ by how exactly they interpolate over small triangles
layout(location = 0) flat in vec2 middle;
layout(location = 1) flat in float radius;
layout(location = 2) flat in vec3 fill;
layout(location = 3) flat in float ring;
layout(location = 0) out vec4 colour;

void main() {
  const float away = distance(gl_FragCoord.xy, middle) - radius;
  const float disc = clamp(0.5 - away, 0.0, 1.0), around = clamp(0.5 + ring - away, 0.0, 1.0);
  colour = vec4(mix(unpackUnorm4x8(p.paper).rgb, fill, disc), max(disc, 0.75 * around));
}
