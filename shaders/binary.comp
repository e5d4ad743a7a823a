#version 450
// out[i] = a[i] op b[i], b repeated along rows or as one number.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 9) const uint kOp = 0;
layout(constant_id = 10) const uint kBroadcast = 0;
layout(constant_id = 19) const uint kRowsOfFours = 0;
layout(std430, set = 0, binding = 0) readonly buffer ABuffer { float a[]; };
layout(std430, set = 0, binding = 0) readonly buffer A4Buffer { vec4 a4[]; };
layout(std430, set = 0, binding = 1) readonly buffer BBuffer { float b[]; };
layout(std430, set = 0, binding = 1) readonly buffer B4Buffer { vec4 b4[]; };
layout(std430, set = 0, binding = 2) writeonly buffer OutpBuffer { float outp[]; };
layout(std430, set = 0, binding = 2) writeonly buffer Outp4Buffer { vec4 outp4[]; };
layout(push_constant) uniform Push { BinaryParams p; };

float apply(float x, float y) {
  if (kOp == kBinaryAdd) return x + y;
  if (kOp == kBinarySubtract) return x - y;
  if (kOp == kBinaryMultiply) return x * y;
  return x / y;
}
uint indexB(uint i) { return kBroadcast == kBroadcastNone ? i : kBroadcast == kBroadcastRow ? i % p.d : 0u; }

void main() {
  const uint i = itemIndex() * kItemsPerThread;
  if (i >= p.count) return;
  if (kItemsPerThread == 1u) {
    outp[i] = apply(a[i], b[indexB(i)]);
    return;
  }
  const vec4 x = a4[i / 4u];
  vec4 y;
  if (kBroadcast == kBroadcastScalar) y = vec4(b[0]);
  else if (kBroadcast == kBroadcastNone || kRowsOfFours != 0u) y = b4[indexB(i) / 4u];
  else y = vec4(b[indexB(i)], b[indexB(i + 1u)], b[indexB(i + 2u)], b[indexB(i + 3u)]);
  outp4[i / 4u] = vec4(apply(x.x, y.x), apply(x.y, y.y), apply(x.z, y.z), apply(x.w, y.w));
}
