#version 450
// The scale of every row: its largest magnitude over the number of levels.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 0) readonly buffer Inp4Buffer { vec4 inp4[]; };
layout(std430, set = 0, binding = 1) writeonly buffer ScalesBuffer { float scales[]; };
layout(push_constant) uniform Push { QuantizeParams p; };
#include "rows.glsl"
ROW_LOAD(load, inp, inp4)

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  vec4 best = vec4(0.0);
  bool bad = false;
  EACH_TURN(turn, p.d) {
    const vec4 x = abs(load(row * p.d, turn, p.d, 0.0));
    bad = bad || anyNan(x);
    best = larger(best, x);
  }
  bad = groupAny(bad);
  const float largest = largestOf(best);
  if (LANE == 0) scales[row] = bad ? NAN : largest / (p.bits == 8u ? 127.0 : 7.0);
}
