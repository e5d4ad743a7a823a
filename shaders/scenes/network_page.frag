#version 450
// The page, the light on it, and the edges in front of it.
#extension GL_GOOGLE_include_directive : require
#include "network.glsl"
layout(std430, set = 0, binding = 0) readonly buffer Ink { uint ink[]; };
layout(set = 0, binding = 1) uniform sampler2D light;
layout(location = 0) out vec4 colour;

void main() {
  const uvec2 pixel = uvec2(gl_FragCoord.xy);
  const vec4 shine = texture(light, gl_FragCoord.xy / (p.cell * vec2(p.cells)));
  const vec3 paper = unpackUnorm4x8(p.paper).rgb;
  const vec4 line = unpackUnorm4x8(p.line);
  const bool dark = paper.g < 0.5;
  const float bright = shine.a * shine.a * p.glow;
  vec3 seen = dark ? paper + (1.0 - paper) * shine.rgb * bright * 0.62
                   : mix(paper, 0.5 + 0.5 * shine.rgb, bright * 0.5);
  const float edges = 1.0 - exp2(-p.opacity / kInk * float(ink[pixel.y * uint(p.size.x) + pixel.x]));
  const vec3 tint = dark ? shine.rgb * 0.8 + 0.2 : shine.rgb * 0.75;
  seen = mix(seen, mix(line.rgb, tint, line.a * min(1.0, 1.4 * shine.a)), edges);
  // Steps of 1/255 would show in so slow a gradient.
  const float grain = fract(52.9829189 * fract(0.06711056 * float(pixel.x) + 0.00583715 * float(pixel.y)));
  colour = vec4(seen + (bright > 0.0 ? (grain - 0.5) / 255.0 : 0.0), 1.0);
}
