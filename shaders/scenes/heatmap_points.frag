#version 450
#extension GL_GOOGLE_include_directive : require
#include "heatmap.glsl"
layout(location = 0) flat in vec2 middle;
layout(location = 1) flat in vec4 ink;
layout(location = 2) flat in vec3 form;
layout(location = 0) out vec4 colour;

void main() {
  const float away = length(gl_FragCoord.xy - middle), core = clamp(form.x + 0.5 - away, 0.0, 1.0);
  const float fade = clamp(1.0 - (away - form.x) / max(form.y - form.x, 0.001), 0.0, 1.0);
  const vec2 inside = gl_FragCoord.xy - p.from;
  const bool shown = all(greaterThan(inside, vec2(0.0))) && all(lessThan(inside, p.extent));
  colour = vec4(ink.rgb, !shown ? 0.0 : p.glow != 0 ? clamp(form.z * fade * fade, 0.0, 1.0) : core);
}
