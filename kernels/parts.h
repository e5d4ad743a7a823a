// Parts of long rows, a block each, those of a row side by side.
#pragma once
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

struct Part {
  uint64_t unit, row, from, length;  // `from` counts elements of all rows
};
// Of params that name rows, d and part.
template <class Params>
__device__ inline Part partOf(const Params& p) {
  const uint64_t unit = linearBlock(), parts = (uint64_t(p.d) + p.part - 1) / p.part;
  const uint64_t row = unit / parts, begin = unit % parts * p.part, left = p.d - begin;
  return {unit, row, row * p.d + begin, left < p.part ? left : p.part};
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
