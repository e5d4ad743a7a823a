#version 450
// Coverage of a rounded box from the distance to its edge: one pixel wide, so one sample for each pixel is enough. The
// place in the box comes from the pixel, not from corners, which drivers snap to their own grids.
#extension GL_GOOGLE_include_directive : require
#include "list.glsl"
layout(location = 0) flat in vec4 frame;
layout(location = 1) flat in vec4 form;
layout(location = 2) flat in vec4 fill;
layout(location = 3) flat in vec4 edge;
layout(location = 4) flat in float soft;
layout(location = 0) out vec4 colour;

void main() {
  const vec2 away = gl_FragCoord.xy - frame.xy;
  const vec2 local = vec2(dot(away, frame.zw), dot(away, vec2(-frame.w, frame.z)));
  const vec2 q = abs(local) - form.xy + form.z;
  const float d = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - form.z;
  const float fade = clamp(1.0 - d / max(soft, 0.001), 0.0, 1.0);
  const float coverage = soft > 0.0 ? fade * fade : clamp(0.5 - d, 0.0, 1.0);
  const float inEdge = form.w < 0.0 ? clamp(0.5 + 0.5 * local.y / form.y, 0.0, 1.0)
                                    : form.w > 0.0 ? clamp(d + form.w + 0.5, 0.0, 1.0) : 0.0;
  colour = mix(fill, edge, inEdge);
  colour.a *= coverage * clipped(gl_FragCoord.xy, p.clip);
}
