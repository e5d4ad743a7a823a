#version 450
// code * scale for every element.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 10) const uint kBits = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
layout(std430, set = 0, binding = 0) readonly buffer CodesBuffer { uint codes[]; };
layout(std430, set = 0, binding = 1) readonly buffer ScalesBuffer { float scales[]; };
layout(std430, set = 0, binding = 2) writeonly buffer OutpBuffer { float outp[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Outp4Buffer { vec4 outp4[]; };
layout(push_constant) uniform Push { QuantizeParams p; };

float valueAt(uint i) {
  const uint row = i / p.d, column = i % p.d;
  const uint at = row * p.rowBytes + (kBits == 8u ? column : column >> 1);
  const uint code = codes[at >> 2] >> (8u * (at & 3u));
  return float(bitfieldExtract(int(code), kBits == 8u ? 0 : int(4u * (column & 1u)), int(kBits))) * scales[row];
}

void main() {
  const uint i = itemIndex() * kItemsPerThread;
  if (i >= p.rows * p.d) return;
  if (kItemsPerThread == 1u) {
    outp[i] = valueAt(i);
  } else if (kRowsOfFours != 0u) {  // the four lie in one word, or half of one
    const int word = int(kBits == 8u ? codes[i / 4u] : codes[i / 8u] >> (4u * (i & 4u)));
    const ivec4 four = kBits == 8u ? ivec4(word << 24, word << 16, word << 8, word) >> 24
                                     : ivec4(word << 28, word << 24, word << 20, word << 16) >> 28;
    outp4[i / 4u] = vec4(four) * scales[i / p.d];
  } else {
    outp4[i / 4u] = vec4(valueAt(i), valueAt(i + 1u), valueAt(i + 2u), valueAt(i + 3u));
  }
}
