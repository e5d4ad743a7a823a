#version 450
#extension GL_GOOGLE_include_directive : require
#include "decay.glsl"
// the curve's y in the middle of each column, one more at both ends
layout(std430, set = 0, binding = 0) readonly buffer Heights { float heights[]; };
layout(location = 0) out vec4 colour;

void main() {
  const int column = int(gl_FragCoord.x - p.from.x) + 1;
  const float before = heights[column - 1], here = heights[column], after = heights[column + 1];
  const float y = gl_FragCoord.y;
  // The distance to the curve, from how steep it is; where it turns, each side by itself.
  const float slope = max(abs(here - before), abs(after - here));
  const float away = abs(y - here) * inversesqrt(1.0 + slope * slope);
  const float onLine = clamp(p.halfWidth + 0.5 - away, 0.0, 1.0) * p.thin;
  const float inside = clamp(y - here + 0.5, 0.0, 1.0) * clamp(p.base - y + 0.5, 0.0, 1.0);
  vec4 area = mix(unpackUnorm4x8(p.top), unpackUnorm4x8(p.bottom),
                  clamp((y - here) / max(p.base - here, 1.0), 0.0, 1.0));
  area.a *= inside;
  const vec4 line = unpackUnorm4x8(p.line);
  const float covered = onLine * line.a;
  colour = vec4(mix(area.rgb, line.rgb, covered), covered + area.a * (1.0 - covered));
}
