// scale: out[i] = input[i] * factor + offset.
#include "elementwise.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kElementThreads) scaleKernel(const void* input, void* out, ScaleParams p) {
  mapElements(In(input, p.formats, 0), Out(out, p.formats, 1), p.count,
              [&](float x) { return wideMulAdd(x, p.factor, p.offset); });
}

SWITCHYARD_KERNEL(scale, scaleKernel, kElementThreads, kElementThreads* kElementsPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
