#version 450
// Rows of a table: floating ones, or codes of 8 bits with a scale each.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 11) const uint kCoded = 0;
layout(constant_id = 12) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 0) readonly buffer CodesBuffer { uint codes[]; };
layout(std430, set = 0, binding = 1) readonly buffer IndicesBuffer { int indices[]; };
READS(scale, 2)
WRITES(put, 3)
layout(push_constant) uniform Push { GatherParams p; };

uint rowOf(uint i) { return uint(clamp(indices[i / p.d], 0, int(p.n) - 1)); }

float make1(uint i) {
  const uint row = rowOf(i), at = row * p.d + i % p.d;
  if (kCoded == 0u) return take(at);
  return float(bitfieldExtract(int(codes[at / 4u]), int(8u * (at & 3u)), 8)) * scale(row);
}

vec4 make4(uint quad) {
  const uint i = 4u * quad;
  if (kRowsOfFours == 0u) return vec4(make1(i), make1(i + 1u), make1(i + 2u), make1(i + 3u));
  const uint row = rowOf(i), at = row * p.d + i % p.d;
  if (kCoded == 0u) return take4(at / 4u);
  const int word = int(codes[at / 4u]);
  return vec4(ivec4(word << 24, word << 16, word << 8, word) >> 24) * scale(row);
}
#include "elements.glsl"
ELEMENTS_MAIN(3u)
