#version 450
// The light's grid blurred along one axis, and then along the other: there it becomes colours (rgb) and brightness (a,
// its square root).
#extension GL_GOOGLE_include_directive : require
#include "network.glsl"
layout(local_size_x = 64) in;
layout(std430, set = 0, binding = 0) readonly buffer From { uint from[]; };
layout(std430, set = 0, binding = 1) writeonly buffer To { uint to[]; };

const int kReach = 7;

void main() {
  const uint i = threadIndex(gl_WorkGroupID, gl_LocalInvocationID.x);
  if (i >= p.cells.x * p.cells.y) return;
  const ivec2 cell = ivec2(i % p.cells.x, i / p.cells.x), most = ivec2(p.cells) - 1;
  vec3 sum = vec3(0.0);
  for (int k = -kReach; k <= kReach; ++k) {
    // A sharp and a wide bell: a bright middle and a long end.
    const float d = float(k * k), share = 0.16 * exp(-d / 3.0) + 0.065 * exp(-d / 22.0);
    const ivec2 c = cell + (p.step == 0u ? ivec2(k, 0) : ivec2(0, k));
    if (any(lessThan(c, ivec2(0))) || any(greaterThan(c, most))) continue;
    const uint at = (uint(c.y) * p.cells.x + uint(c.x)) * 3u;
    sum += share * vec3(from[at], from[at + 1u], from[at + 2u]);
  }
  if (p.step == 0u) {
    for (int channel = 0; channel < 3; ++channel) to[i * 3u + channel] = uint(sum[channel] + 0.5);
    return;
  }
  sum /= kLight;
  const float bright = max(max(sum.r, sum.g), max(sum.b, 1e-6));
  to[i] = packUnorm4x8(vec4(sum / bright, sqrt(1.0 - exp(-1.6 * bright))));
}
