// A row, or a part of one, as one number.
#pragma once
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// Sums and norms over `over`. NaN where min or max meet one. Every thread of the row calls it and gets the result.
template <uint32_t kThreads, class X>
__device__ inline float reducedRow(const Row<kThreads>& row, const X& x, uint64_t d, uint32_t kind, float over) {
  if (kind == kReduceNorm) {
    const auto squares = row.squares(x, d);
    return squares.scale / over * sqrtf(squares.sum);
  }
  if (kind == kReduceMin) {
    float least = MinNan::identity();
    row.each(x, d, [&](uint64_t, float v) { least = MinNan()(least, v); });
    return row.reduce(least, MinNan());
  }
  if (kind == kReduceMax) {
    float most = MaxNan::identity();
    row.each(x, d, [&](uint64_t, float v) { most = MaxNan()(most, v); });
    return row.reduce(most, MaxNan());
  }
  float total = 0.0f;
  row.each(x, d, [&](uint64_t, float v) { total += v; });
  total = row.sum(total);
  if (isFinite(total)) return total / over;
  total = 0.0f;  // it may have overflowed on the way
  row.each(x, d, [&](uint64_t, float v) { total += v * powerOfTwo(-64); });
  return row.sum(total) / over * powerOfTwo(64);
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
