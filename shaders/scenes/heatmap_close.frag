#version 450
// Cells of a pixel or more: a pixel sees at most two along and two down, each by the share of the pixel that it covers.
#extension GL_GOOGLE_include_directive : require
#include "heatmap.glsl"
layout(location = 0) out vec4 colour;

void main() {
  const vec2 pixel = p.cells / p.extent;
  const vec2 first = p.window + (gl_FragCoord.xy - 0.5 - p.from) * pixel;
  const uvec2 most = p.matrix - 1u;
  const uvec2 a = min(uvec2(max(floor(first), 0.0)), most), b = min(a + 1u, most);
  const vec2 second = clamp((first + pixel - vec2(a) - 1.0) / pixel, 0.0, 1.0);
  const float upper = mix(strength(a.x, a.y), strength(b.x, a.y), second.x),
              lower = mix(strength(a.x, b.y), strength(b.x, b.y), second.x);
  colour = finished(mix(upper, lower, second.y), first + 0.5 * pixel, pixel);
}
