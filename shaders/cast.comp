#version 450
// float32 <-> float16, in integers alone: drivers flush denormals and round as they like.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 2;
layout(constant_id = 9) const uint kToFloat16 = 0;
layout(constant_id = 16) const uint kAllFours = 0;
layout(std430, set = 0, binding = 0) readonly buffer InBuffer { uint inp[]; };
layout(std430, set = 0, binding = 0) readonly buffer InBuffer2 { uvec2 inp2[]; };
layout(std430, set = 0, binding = 0) readonly buffer InBuffer4 { uvec4 inp4[]; };
layout(std430, set = 0, binding = 1) writeonly buffer OutBuffer { uint outp[]; };
layout(std430, set = 0, binding = 1) writeonly buffer OutBuffer2 { uvec2 outp2[]; };
layout(std430, set = 0, binding = 1) writeonly buffer OutBuffer4 { uvec4 outp4[]; };
layout(push_constant) uniform Push { CastParams p; };


uint toHalf(uint f) {
  const uint sign = (f >> 16) & 0x8000u;
  const uint mag = f & 0x7FFFFFFFu;
  if (mag > 0x7F800000u) return sign | 0x7E00u | ((mag >> 13) & 0x3FFu);  // NaN stays quiet NaN
  if (mag >= 0x477FF000u) return sign | 0x7C00u;                          // rounds past 65504: infinity
  if (mag >= 0x38800000u) {                                               // normal
    const uint odd = (mag >> 13) & 1u;
    return sign | ((mag - 0x38000000u + 0xFFFu + odd) >> 13);
  }
  if (mag < 0x33000000u) return sign;  // below half of the smallest denormal
  const uint shift = 126u - (mag >> 23);  // 14 .. 24: the value is significand * 2^-shift halves' smallest steps
  const uint significand = (mag & 0x7FFFFFu) | 0x800000u;
  const uint down = significand >> shift, rest = significand & ((1u << shift) - 1u), half_ = 1u << (shift - 1u);
  const uint up = (rest > half_ || (rest == half_ && (down & 1u) != 0u)) ? 1u : 0u;
  return sign | (down + up);
}

uint toFloat(uint h) {
  const uint sign = (h & 0x8000u) << 16;
  const uint mag = h & 0x7FFFu;
  if (mag >= 0x7C00u) return sign | 0x7F800000u | ((mag & 0x3FFu) << 13) | (mag > 0x7C00u ? 0x400000u : 0u);
  if (mag >= 0x0400u) return sign | ((mag << 13) + 0x38000000u);
  if (mag == 0u) return sign;
  const int top = findMSB(mag);  // 0 .. 9: mag * 2^-24
  return sign | (uint(top + 103) << 23) | ((mag << uint(23 - top)) & 0x7FFFFFu);
}

void castPair(uint pair) {
  const uint i = 2u * pair;
  if (i >= p.n) return;
  const bool both = i + 1u < p.n;
  if (kToFloat16 != 0u) {
    outp[pair] = toHalf(inp[i]) | (both ? toHalf(inp[i + 1u]) << 16 : 0u);
  } else {
    const uint word = inp[pair];
    outp[i] = toFloat(word & 0xFFFFu);
    if (both) outp[i + 1u] = toFloat(word >> 16);
  }
}

void main() {
  const uint item = itemIndex();
  if (kItemsPerThread == 2u && kAllFours != 0u) {
    if (4u * item >= p.n) return;
    if (kToFloat16 != 0u) {
      const uvec4 f = inp4[item];
      outp2[item] = uvec2(toHalf(f.x) | toHalf(f.y) << 16, toHalf(f.z) | toHalf(f.w) << 16);
    } else {
      const uvec2 h = inp2[item];
      outp4[item] = uvec4(toFloat(h.x & 0xFFFFu), toFloat(h.x >> 16), toFloat(h.y & 0xFFFFu), toFloat(h.y >> 16));
    }
    return;
  }
  for (uint i = 0; i < kItemsPerThread; ++i) castPair(item * kItemsPerThread + i);
}
