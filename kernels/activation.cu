// activation: out[i] = f(input[i]).
#include "activation.h"
#include "elementwise.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kElementThreads) activationKernel(const void* input, void* out, ActivationParams p) {
  mapElements(In(input, p.formats, 0), Out(out, p.formats, 1), p.count, [&](float x) { return activate(p.kind, x); });
}

SWITCHYARD_KERNEL(activation, activationKernel, kElementThreads, kElementThreads* kElementsPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
