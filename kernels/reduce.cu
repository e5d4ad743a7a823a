// reduce: one number a row: sum, mean, min, max or L2 norm.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads>
__global__ void __launch_bounds__(rowBlock(kThreads), 1024 / rowBlock(kThreads))
    reduceKernel(const void* input, void* out, ReduceParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const In x = In(input, p.formats, 0).from(row.index * p.d);
  float result;
  if (p.kind == kReduceNorm) {
    result = row.squares(x, p.d).norm();
  } else if (p.kind == kReduceMin) {
    float least = MinNan::identity();
    row.each(x, p.d, [&](uint64_t, float v) { least = MinNan()(least, v); });
    result = row.reduce(least, MinNan());
  } else if (p.kind == kReduceMax) {
    float most = MaxNan::identity();
    row.each(x, p.d, [&](uint64_t, float v) { most = MaxNan()(most, v); });
    result = row.reduce(most, MaxNan());
  } else {
    const float over = p.kind == kReduceMean ? float(p.d) : 1.0f;
    float total = 0.0f;
    row.each(x, p.d, [&](uint64_t, float v) { total += v; });
    total = row.sum(total);
    result = total / over;
    if (!isFinite(total)) {  // it may have overflowed on the way
      total = 0.0f;
      row.each(x, p.d, [&](uint64_t, float v) { total += v * powerOfTwo(-64); });
      result = row.sum(total) / over * powerOfTwo(64);
    }
  }
  if (row.lane == 0) Out(out, p.formats, 1).put(row.index, result);
}

SWITCHYARD_ROW_KERNEL(reduce, reduceKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
