#version 450
// out[i] = a[i] op b[i], b repeated along rows or as one number.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 9) const uint kOp = 0;
layout(constant_id = 10) const uint kBroadcast = 0;
layout(constant_id = 12) const uint kFormats = 0;
layout(constant_id = 19) const uint kRowsOfFours = 0;
#include "halves.glsl"
READS(a, 0)
READS(b, 1)
WRITES(put, 2)
layout(push_constant) uniform Push { BinaryParams p; };

float apply(float x, float y) {
  if (kOp == kBinaryAdd) return x + y;
  if (kOp == kBinarySubtract) return x - y;
  if (kOp == kBinaryMultiply) return x * y;
  return x / y;
}
uint indexB(uint i) { return kBroadcast == kBroadcastNone ? i : kBroadcast == kBroadcastRow ? i % p.d : 0u; }

float make1(uint i) { return apply(a(i), b(indexB(i))); }
vec4 make4(uint quad) {
  const uint i = 4u * quad;
  const vec4 x = a4(quad);
  vec4 y;
  if (kBroadcast == kBroadcastScalar) y = vec4(b(0));
  else if (kBroadcast == kBroadcastNone || kRowsOfFours != 0u) y = b4(indexB(i) / 4u);
  else y = vec4(b(indexB(i)), b(indexB(i + 1u)), b(indexB(i + 2u)), b(indexB(i + 3u)));
  return vec4(apply(x.x, y.x), apply(x.y, y.y), apply(x.z, y.z), apply(x.w, y.w));
}
#include "elements.glsl"
ELEMENTS_MAIN(2u)
