#version 450
// Every part of a long row over the larger of the row's norm, which is known, and epsilon.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer NormsBuffer { vec2 norms[]; };
WRITES(put, 2)
layout(push_constant) uniform Push { NormalizePartsParams p; };
#include "rows.glsl"
#include "parts.glsl"
ROW_READ(load, take)
ROW_WRITE(store, put)

void main() {
  const Part part = partOf(groupIndex());
  if (part.row >= p.rows) return;
  const vec2 norm = norms[part.row];
  float by = norm.x * norm.y, times = 1.0;
  if (by < p.epsilon) by = p.epsilon;
  // Past float32, or where reciprocals may be flushed: elements first over a power of two.
  if (by > 1e37) {
    by = isInf(by) ? norm.x * (norm.y == 1.0 ? p.by : 1.0) : by * p.by;
    times = p.by;
  }
  EACH_TURN(turn, part.count)
    store(part.from, turn, part.count, load(part.from, turn, part.count, 0.0) * times / by);
}
