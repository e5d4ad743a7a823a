// scale: out[i] = input[i] * factor + offset.
#include "elementwise.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kElementThreads) scaleKernel(const float* input, float* out, ScaleParams p) {
  mapElements(input, out, p.count, [&](float x) { return wideMulAdd(x, p.factor, p.offset); });
}

SWITCHYARD_KERNEL(scale, scaleKernel, kElementThreads, kElementThreads* kElementsPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
