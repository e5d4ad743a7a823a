// The activations of params.h. gelu by erfc, which keeps the digits of large negative inputs that 1 + erf loses.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// x / (1 + e^-y), where y has x's sign. Left of 0 x e^y / (1 + e^y), with e^y in two halves: e^-y overflows where the
// result is still normal.
__device__ inline float gated(float x, float y) {
  if (x != x) return x;
  const float half = expf(-0.5f * fabsf(y)), bounded = fmaxf(x, -3.402823466e38f);  // 0 at -infinity
  return (x < 0.0f ? bounded * half * half : x) / (1.0f + half * half);
}

__device__ inline float activate(uint32_t kind, float x) {
  switch (kind) {
    case kActivationRelu:
      return x < 0.0f ? 0.0f : x;  // a NaN stays one
    // -infinity is taken as the least number: the limit is 0 there, not -infinity times 0.
    case kActivationGelu: return 0.5f * fmaxf(x, -3.402823466e38f) * erfcf(-0.70710678118654752f * x);
    case kActivationSilu: return gated(x, x);
    case kActivationTanh: return tanhf(x);
    // x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) is x sigmoid of twice that argument.
    case kActivationGeluTanh: return gated(x, x * (x * x * 0.0713548162726f + 1.5957691216057308f));
    case kActivationSigmoid: return 1.0f / (1.0f + expf(-x));
    default: return expf(x);
  }
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
