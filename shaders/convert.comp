#version 450
// Elements from one dtype to another, one of them an integer's: four an item.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 9) const uint kFrom = 0;
layout(constant_id = 10) const uint kTo = 0;
const uint kFormats = 0;
#include "halves.glsl"
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { uint inp[]; };
layout(std430, set = 0, binding = 1) writeonly buffer OutpBuffer { uint outp[]; };
layout(push_constant) uniform Push { ConvertParams p; };

uint bytesOf(uint dtype) {
  if (dtype == kFormatFloat16 || dtype == kFormatBfloat16) return 2u;
  return dtype == kElementInt8 || dtype == kElementUint8 ? 1u : 4u;
}
bool isFloating(uint dtype) { return dtype <= kFormatBfloat16; }
bool isSigned(uint dtype) { return dtype == kElementInt32 || dtype == kElementInt8; }

// Its bits, of a signed integer with the sign in front.
uint bitsAt(uint i) {
  if (bytesOf(kFrom) == 4u) return inp[i];
  if (bytesOf(kFrom) == 2u) return inp[i / 2u] >> (16u * (i & 1u)) & 0xFFFFu;
  const uint word = inp[i / 4u];
  const int at = int(8u * (i & 3u));
  return kFrom == kElementInt8 ? uint(bitfieldExtract(int(word), at, 8)) : bitfieldExtract(word, at, 8);
}
float floatOf(uint bits) {
  if (kFrom == kFormatFloat32) return uintBitsToFloat(bits);
  if (isFloating(kFrom)) return widened(uvec4(bits), kFrom).x;
  if (kTo != kFormatBfloat16) return isSigned(kFrom) ? float(int(bits)) : float(bits);
  // Rounded to odd: it does not lose on which side of a tie it is when it becomes a bfloat16.
  const bool negative = isSigned(kFrom) && int(bits) < 0;
  const uint size = negative ? 0u - bits : bits;
  const int lost = max(findMSB(size) - 23, 0);
  const uint kept = size >> lost << lost;
  const float x = float(kept != size ? kept | 1u << lost : size);
  return negative ? -x : x;
}
uint integerOfFloat(float x) {
  if (isNan(x)) return 0u;
  if (kTo == kElementInt32) return x >= 2147483648.0 ? 0x7FFFFFFFu : x <= -2147483648.0 ? 0x80000000u : uint(int(x));
  if (kTo == kElementUint32) return x >= 4294967296.0 ? 0xFFFFFFFFu : x <= 0.0 ? 0u : uint(x);
  return kTo == kElementInt8 ? uint(int(clamp(x, -128.0, 127.0))) : uint(int(clamp(x, 0.0, 255.0)));
}
uint integerOfInteger(uint bits) {
  if (isSigned(kFrom)) {
    const int x = int(bits);
    if (kTo == kElementInt8) return uint(clamp(x, -128, 127));
    if (kTo == kElementUint8) return uint(clamp(x, 0, 255));
    return kTo == kElementUint32 ? uint(max(x, 0)) : bits;
  }
  return min(bits, kTo == kElementInt8 ? 127u : kTo == kElementUint8 ? 255u : kTo == kElementInt32 ? 0x7FFFFFFFu
                                                                                                    : 0xFFFFFFFFu);
}

void main() {
  const uint item = itemIndex(), first = 4u * item;
  if (first >= p.n) return;
  uvec4 bits = uvec4(0u);
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    if (first + i >= p.n) continue;
    const uint from = bitsAt(first + i);
    bits[i] = isFloating(kTo) ? floatBitsToUint(floatOf(from))
              : isFloating(kFrom) ? integerOfFloat(floatOf(from)) : integerOfInteger(from);
  }
  if (bytesOf(kTo) == 4u) {
    [[unroll]] for (uint i = 0; i < 4u; ++i)
      if (first + i < p.n) outp[first + i] = bits[i];
  } else if (bytesOf(kTo) == 2u) {
    const uvec4 h = narrowed(uintBitsToFloat(bits), kTo);
    outp[2u * item] = h.x | h.y << 16;
    if (first + 2u < p.n) outp[2u * item + 1u] = h.z | h.w << 16;
  } else {
    const uvec4 b = bits & 0xFFu;
    outp[item] = b.x | b.y << 8 | b.z << 16 | b.w << 24;
  }
}
