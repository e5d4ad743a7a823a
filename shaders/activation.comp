#version 450
// relu, gelu, silu, tanh, sigmoid, exp or gelu-tanh of every element.
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

// x / (1 + e^-y), where y has x's sign. Left of 0 x e^y / (1 + e^y), with e^y in two halves: e^-y overflows where the
// result is still normal.
float gated(float x, float y) {
  if (isNan(x)) return x;
  const float a = exactExp(-0.5 * abs(y));
  precise const float left = max(x, -3.402823466e38) * a * a;  // 0 at -infinity
  return (x < 0.0 ? left : x) / (1.0 + a * a);
}

// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) is x sigmoid of twice that argument.
float geluTanh(float x) { return gated(x, x * (x * x * 0.0713548162726 + 1.5957691216057308)); }

float apply(float x) {
  if (kKind == kActivationRelu) return isNan(x) ? x : x > 0.0 ? x : 0.0;
  if (kKind == kActivationGelu) return gelu(x);
  if (kKind == kActivationSilu) return gated(x, x);
  if (kKind == kActivationTanh) return exactTanh(x);
  if (kKind == kActivationGeluTanh) return geluTanh(x);
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
