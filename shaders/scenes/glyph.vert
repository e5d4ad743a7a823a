#version 450
// One glyph for each instance: its pixels are pixels of the picture.
#extension GL_GOOGLE_include_directive : require
#include "list.glsl"
struct Glyph {
  int x, y;
  uint width, height, offset, colour;
};
layout(std430, set = 0, binding = 0) readonly buffer Glyphs { Glyph glyphs[]; };
layout(location = 0) flat out ivec4 place;  // x, y, width, offset
layout(location = 1) flat out vec4 ink;

void main() {
  const Glyph g = glyphs[p.first + gl_InstanceIndex];
  place = ivec4(g.x, g.y, g.width, g.offset);
  ink = unpackUnorm4x8(g.colour);
  const vec2 at = vec2(g.x, g.y) + corner(gl_VertexIndex) * vec2(g.width, g.height);
  gl_Position = placed(clamp(at, p.clip.xy, p.clip.zw), p.size);
}
