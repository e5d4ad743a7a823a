#version 450
// relu, gelu, silu, tanh, sigmoid or exp of every element.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 9) const uint kKind = 0;
layout(constant_id = 10) const uint kFormats = 0;
#include "math.glsl"
#include "halves.glsl"
READS(take, 0)
WRITES(put, 1)
layout(push_constant) uniform Push { ActivationParams p; };

// x / (1 + e^-x). Left of 0 x e^x / (1 + e^x), with e^x in two halves: e^-x overflows where the result is still normal.
float silu(float x) {
  if (isNan(x)) return x;
  const float a = exactExp(-0.5 * abs(x));
  precise const float left = max(x, -3.402823466e38) * a * a;  // 0 at -infinity
  return (x < 0.0 ? left : x) / (1.0 + a * a);
}

float apply(float x) {
  if (kKind == kActivationRelu) return isNan(x) ? x : x > 0.0 ? x : 0.0;
  if (kKind == kActivationGelu) return gelu(x);
  if (kKind == kActivationSilu) return silu(x);
  if (kKind == kActivationTanh) return exactTanh(x);
  if (kKind == kActivationSigmoid) return sigmoid(x);
  return exactExp(x);
}

float make1(uint i) { return apply(take(i)); }
vec4 make4(uint quad) {
  const vec4 x = take4(quad);
  return vec4(apply(x.x), apply(x.y), apply(x.z), apply(x.w));
}
#include "elements.glsl"
ELEMENTS_MAIN(1u)
