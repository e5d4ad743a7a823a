#version 450
// A triangle around each disc: fewer corners than a square, and software drivers feel them.
#extension GL_GOOGLE_include_directive : require
#include "network.glsl"
layout(std430, set = 0, binding = 0) readonly buffer Nodes { Node nodes[]; };
layout(std430, set = 0, binding = 1) readonly buffer List { uint list[]; };
layout(location = 0) flat out vec2 middle;
layout(location = 1) flat out float radius;
layout(location = 2) flat out vec3 fill;
layout(location = 3) flat out float ring;

void main() {
  const Node node = nodes[p.step != 0u ? list[gl_InstanceIndex] : gl_InstanceIndex];
  const vec2 corner = gl_VertexIndex == 0 ? vec2(0.0, -2.0) : vec2(gl_VertexIndex == 1 ? -1.7320508 : 1.7320508, 1.0);
  radius = node.radius;
  fill = unpackUnorm4x8(node.colour).rgb;
  ring = min(p.ring, 0.3 * node.radius);
  middle = node.at;
  gl_Position = vec4((node.at + corner * (node.radius + ring + 0.75)) * 2.0 / p.size - 1.0, 0.0, 1.0);
}
