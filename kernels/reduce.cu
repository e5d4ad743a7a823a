// reduce: one number a row: sum, mean, min, max or L2 norm.
#include "reduce_row.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads>
__global__ void __launch_bounds__(rowBlock(kThreads), 1024 / rowBlock(kThreads))
    reduceKernel(const void* input, void* out, ReduceParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const In x = In(input, p.formats, 0).from(row.index * p.d);
  const Wide result = reducedRow(row, x, p.d, p.kind);
  if (row.lane == 0) Out(out, p.formats, 1).put(row.index, result.over(p.kind == kReduceMean ? float(p.d) : 1.0f));
}

SWITCHYARD_ROW_KERNEL(reduce, reduceKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
