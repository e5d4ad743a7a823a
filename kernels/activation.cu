// activation: out[i] = f(input[i]). gelu by erfc, which keeps the digits of large negative inputs that 1 + erf loses.
#include "elementwise.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__device__ inline float activate(uint32_t kind, float x) {
  switch (kind) {
    case kActivationRelu:
      return x < 0.0f ? 0.0f : x;  // a NaN stays one
    // -infinity is taken as the least number: the limit of both is 0 there, not -infinity times 0.
    case kActivationGelu: return 0.5f * fmaxf(x, -3.402823466e38f) * erfcf(-0.70710678118654752f * x);
    case kActivationSilu: return fmaxf(x, -3.402823466e38f) / (1.0f + expf(-x));
    case kActivationTanh: return tanhf(x);
    case kActivationSigmoid: return 1.0f / (1.0f + expf(-x));
    default: return expf(x);
  }
}

__global__ void __launch_bounds__(kElementThreads)
    activationKernel(const float* input, float* out, ActivationParams p) {
  mapElements(input, out, p.count, [&](float x) { return activate(p.kind, x); });
}

SWITCHYARD_KERNEL(activation, activationKernel, kElementThreads, kElementThreads* kElementsPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
