// concat: rows of a and of b, one behind the other.
#include "units.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kUnitThreads) concatKernel(const void* a, const void* b, void* out, ConcatParams p) {
  moveUnits(out, p.count, p.unit, [&](uint64_t i) {
    const uint64_t row = i / (uint64_t(p.a) + p.b), column = i % (uint64_t(p.a) + p.b);
    return column < p.a ? UnitPlace{a, row * p.a + column} : UnitPlace{b, row * p.b + column - p.a};
  });
}

SWITCHYARD_KERNEL(concat, concatKernel, kUnitThreads, kUnitThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
