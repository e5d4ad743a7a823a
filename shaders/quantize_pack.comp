#version 450
// One 32-bit word of the codes an item: 4 codes of 8 bits or 8 of 4.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 10) const uint kBits = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 0) readonly buffer Inp4Buffer { vec4 inp4[]; };
layout(std430, set = 0, binding = 1) readonly buffer ScalesBuffer { float scales[]; };
layout(std430, set = 0, binding = 2) writeonly buffer CodesBuffer { uint codes[]; };
layout(push_constant) uniform Push { QuantizeParams p; };

const float kLevels = kBits == 8u ? 127.0 : 7.0;
const uint kMask = kBits == 8u ? 0xFFu : 0xFu;

uint codeOf(float x, float scale) {
  const float q = x / scale;
  if (scale == 0.0 || isNan(q)) return 0u;
  return uint(int(roundEven(clamp(q, -kLevels, kLevels)))) & kMask;
}

uint byteAt(uint at) {
  if (at >= p.rows * p.rowBytes) return 0u;
  const uint row = at / p.rowBytes, column = at % p.rowBytes;
  const float scale = scales[row];
  if (kBits == 8u) return codeOf(inp[row * p.d + column], scale);
  const uint c = 2u * column;
  return codeOf(inp[row * p.d + c], scale) | (c + 1u < p.d ? codeOf(inp[row * p.d + c + 1u], scale) << 4 : 0u);
}

// Four codes side by side, from element i on.
uint fourAt(uint i) {
  if (i >= p.rows * p.d) return 0u;
  const vec4 x = inp4[i / 4u];
  const float scale = scales[i / p.d];
  return codeOf(x.x, scale) | codeOf(x.y, scale) << kBits |
         codeOf(x.z, scale) << (2u * kBits) | codeOf(x.w, scale) << (3u * kBits);
}

void main() {
  const uint word = itemIndex();
  if (4u * word >= p.rows * p.rowBytes) return;
  if (kRowsOfFours != 0u && kBits == 8u) codes[word] = fourAt(4u * word);
  else if (kRowsOfFours != 0u) codes[word] = fourAt(8u * word) | fourAt(8u * word + 4u) << 16;
  else codes[word] = byteAt(4u * word) | byteAt(4u * word + 1u) << 8 |
                     byteAt(4u * word + 2u) << 16 | byteAt(4u * word + 3u) << 24;
}
