#version 450
// One number for every row: sum, mean, min, max or L2 norm.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 10) const uint kKind = 0;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
WRITES(put, 1)
layout(push_constant) uniform Push { ReduceParams p; };
#include "rows.glsl"
ROW_READ(load, take)

const float kWide = 1.8446744073709552e19, kNarrow = 5.421010862427522e-20;  // 2^64 and its inverse
#include "reduce_row.glsl"

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const vec2 result = reducedRow(row * p.d, p.d);
  if (LANE == 0) put1(row, result.x / (kKind == kReduceMean ? float(p.d) : 1.0) * result.y);
}
