// activation: out[i] = f(input[i]). gelu by erfc, which keeps the digits of large negative inputs that 1 + erf loses.
#include "elementwise.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// x / (1 + e^-x). Left of 0 x e^x / (1 + e^x), with e^x in two halves: e^-x overflows where the result is still normal.
__device__ inline float silu(float x) {
  if (x != x) return x;
  const float half = expf(-0.5f * fabsf(x)), bounded = fmaxf(x, -3.402823466e38f);  // 0 at -infinity
  return (x < 0.0f ? bounded * half * half : x) / (1.0f + half * half);
}

__device__ inline float activate(uint32_t kind, float x) {
  switch (kind) {
    case kActivationRelu:
      return x < 0.0f ? 0.0f : x;  // a NaN stays one
    // -infinity is taken as the least number: the limit is 0 there, not -infinity times 0.
    case kActivationGelu: return 0.5f * fmaxf(x, -3.402823466e38f) * erfcf(-0.70710678118654752f * x);
    case kActivationSilu: return silu(x);
    case kActivationTanh: return tanhf(x);
    case kActivationSigmoid: return 1.0f / (1.0f + expf(-x));
    default: return expf(x);
  }
}

__global__ void __launch_bounds__(kElementThreads) activationKernel(const void* input, void* out, ActivationParams p) {
  mapElements(In(input, p.formats, 0), Out(out, p.formats, 1), p.count, [&](float x) { return activate(p.kind, x); });
}

SWITCHYARD_KERNEL(activation, activationKernel, kElementThreads, kElementThreads* kElementsPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
