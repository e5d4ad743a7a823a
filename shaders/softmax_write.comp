#version 450
// exp((x - max) / temperature) / sum for every part of a long row whose maximum and sum are known.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "math.glsl"
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer TotalsBuffer { vec2 totals[]; };
WRITES(put, 2)
layout(push_constant) uniform Push { SoftmaxPartsParams p; };
#include "rows.glsl"
#include "parts.glsl"
ROW_READ(load, take)
ROW_WRITE(store, put)

void main() {
  const Part part = partOf(groupIndex());
  if (part.row >= p.rows) return;
  const vec2 total = totals[part.row];
  EACH_TURN(turn, part.count) {
    const vec4 x = load(part.from, turn, part.count, -INFINITY);
    store(part.from, turn, part.count, exactExp4((x - total.x) * p.inverseTemperature) / total.y);
  }
}
