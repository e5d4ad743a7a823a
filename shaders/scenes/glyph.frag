#version 450
#extension GL_GOOGLE_include_directive : require
layout(location = 0) flat in ivec4 place;
layout(location = 1) flat in vec4 ink;
layout(std430, set = 0, binding = 1) readonly buffer Coverage { uint coverage[]; };  // four bytes each
layout(location = 0) out vec4 colour;

void main() {
  const ivec2 at = ivec2(gl_FragCoord.xy) - place.xy;
  const int i = place.w + at.y * place.z + at.x;
  const float covered = float(coverage[i >> 2] >> ((i & 3) * 8) & 255u) / 255.0;
  colour = vec4(ink.rgb, ink.a * covered);
}
