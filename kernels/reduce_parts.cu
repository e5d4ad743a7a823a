// reduce_parts: one number for each part of a long row, sum, min, max or L2 norm; or, where `part` is 0, for what all
// parts make.
#include "parts.h"
#include "reduce_row.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// The parts of a row for Row::each: where one of them is wide all are taken so.
struct WideParts {
  const Wide* parts;
  bool wide;
  __device__ float operator[](uint64_t i) const {
    const Wide part = parts[i];
    return wide && part.by == 1.0f ? part.value * powerOfTwo(-64) : part.value;
  }
};
__device__ inline bool hasFours(const WideParts&) { return false; }
__device__ inline float4 fourOf(const WideParts& parts, uint64_t quad) {
  return make_float4(parts[4 * quad], parts[4 * quad + 1], parts[4 * quad + 2], parts[4 * quad + 3]);
}

__device__ inline Wide mergedRow(const Row<kRowsBlock>& row, const Wide* parts, const ReducePartsParams& p) {
  float by = 1.0f;
  for (uint64_t i = row.lane; i < p.d; i += kRowsBlock) by = fmaxf(by, parts[i].by);
  by = row.reduce(by, Max());
  const Wide result = reducedRow(row, WideParts{parts, by != 1.0f}, p.d, p.kind);
  if (by == 1.0f) return result;
  return {result.value * result.by, by};  // far from float32's end, unless it is infinite
}

__global__ void __launch_bounds__(kRowsBlock) reducePartsKernel(const void* input, void* out, ReducePartsParams p) {
  const Row<kRowsBlock> row;
  Wide result;
  if (p.part) {
    const Part part = partOf(p);
    if (part.row >= p.rows) return;
    result = reducedRow(row, In(input, p.formats, 0).from(part.from), part.length, p.kind);
  } else {
    if (row.index >= p.rows) return;
    result = mergedRow(row, static_cast<const Wide*>(input) + row.index * p.d, p);
  }
  if (row.lane != 0) return;
  if (p.over == 0.0f)
    static_cast<Wide*>(out)[row.index] = result;
  else
    static_cast<float*>(out)[row.index] = result.over(p.over);
}

SWITCHYARD_KERNEL(reduce_parts, reducePartsKernel, kRowsBlock, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
