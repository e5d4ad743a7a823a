#version 450
// Every part of a long row over the larger of the row's norm, which is known, and epsilon.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer NormsBuffer { float norms[]; };
WRITES(put, 2)
layout(push_constant) uniform Push { NormalizePartsParams p; };
#include "rows.glsl"
#include "parts.glsl"
ROW_READ(load, take)
ROW_WRITE(store, put)

void main() {
  const Part part = partOf(groupIndex());
  if (part.row >= p.rows) return;
  const float norm = norms[part.row], whole = norm * p.by;
  float first = whole, second = 1.0;
  if (whole < p.epsilon) first = p.epsilon;
  else if (isInf(whole) && !isInf(norm)) first = norm, second = p.by;  // past float32
  EACH_TURN(turn, part.count)
    store(part.from, turn, part.count, load(part.from, turn, part.count, 0.0) / first / second);
}
