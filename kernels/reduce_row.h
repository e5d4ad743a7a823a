// A row, or a part of one, as one number.
#pragma once
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// What may be past float32: value * by, which is 1 or 2^64.
struct Wide {
  float value, by;
  __device__ float over(float divisor) const { return value / divisor * by; }
};

// Of a mean the sum. NaN where min or max meet one. Every thread of the row calls it and gets the result.
template <uint32_t kThreads, class X>
__device__ inline Wide reducedRow(const Row<kThreads>& row, const X& x, uint64_t d, uint32_t kind) {
  if (kind == kReduceNorm) {
    const auto squares = row.squares(Streamed<kThreads, X>(row, x, d));
    const float norm = squares.norm();
    if (norm != infinity()) return {norm, 1.0f};
    return {squares.scale * powerOfTwo(-64) * sqrtf(squares.sum), powerOfTwo(64)};
  }
  if (kind == kReduceMin) {
    float least = MinNan::identity();
    row.each(x, d, [&](uint64_t, float v) { least = MinNan()(least, v); });
    return {row.reduce(least, MinNan()), 1.0f};
  }
  if (kind == kReduceMax) {
    float most = MaxNan::identity();
    row.each(x, d, [&](uint64_t, float v) { most = MaxNan()(most, v); });
    return {row.reduce(most, MaxNan()), 1.0f};
  }
  float total = 0.0f;
  row.each(x, d, [&](uint64_t, float v) { total += v; });
  total = row.sum(total);
  if (isFinite(total)) return {total, 1.0f};
  total = 0.0f;  // it may have overflowed on the way
  row.each(x, d, [&](uint64_t, float v) { total += v * powerOfTwo(-64); });
  return {row.sum(total), powerOfTwo(64)};
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
