// rearrange: units of another order, axes transposed or a part of them.
#include "units.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kUnitThreads) rearrangeKernel(const void* input, void* out, RearrangeParams p) {
  const uint32_t sizes[] = {p.size0, p.size1, p.size2, p.size3, p.size4, p.size5, p.size6, p.size7};
  const uint32_t strides[] = {p.stride0, p.stride1, p.stride2, p.stride3, p.stride4, p.stride5, p.stride6, p.stride7};
  moveUnits(out, p.count, p.unit, [&](uint64_t i) {
    uint64_t at = p.base;
    uint32_t rest = uint32_t(i);
    SWITCHYARD_UNROLL
    for (uint32_t axis = 0; axis < 8; ++axis)
      if (axis < p.rank) {
        at += uint64_t(rest % sizes[axis]) * strides[axis];
        rest /= sizes[axis];
      }
    return UnitPlace{input, at};
  });
}

SWITCHYARD_KERNEL(rearrange, rearrangeKernel, kUnitThreads, kUnitThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
