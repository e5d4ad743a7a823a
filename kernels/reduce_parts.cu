// reduce_parts: one number for each part of a long row: sum, min, max or L2 norm.
#include "parts.h"
#include "reduce_row.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__global__ void __launch_bounds__(kRowsBlock) reducePartsKernel(const void* input, void* out, ReducePartsParams p) {
  const Part part = partOf(p);
  if (part.row >= p.rows) return;
  const Row<kRowsBlock> row;
  const float result = reducedRow(row, In(input, p.formats, 0).from(part.from), part.length, p.kind, p.over);
  if (row.lane == 0) Out(out, p.formats, 1).put(part.unit, result);
}

SWITCHYARD_KERNEL(reduce_parts, reducePartsKernel, kRowsBlock, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
