#version 450
// exp((x - max) / temperature) / sum for every row.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "math.glsl"
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) buffer OutpBuffer { float outp[]; };
layout(std430, set = 0, binding = 1) buffer Outp4Buffer { vec4 outp4[]; };
layout(std430, set = 0, binding = 1) buffer PairsBuffer { uvec2 pairs[]; };
layout(push_constant) uniform Push { SoftmaxParams p; };
#include "rows.glsl"
ROW_READ(load, take)
ROW_LOAD(reload, outp, outp4)
ROW_STORE(store, outp, outp4)

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint from = row * p.d;
  vec4 best = vec4(-INFINITY);
  EACH_TURN(turn, p.d) best = larger(best, load(from, turn, p.d, -INFINITY));
  const float largest = largestOf(best);
  Sum s = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 x = load(from, turn, p.d, -INFINITY);
    const vec4 e = exactExp4((x - largest) * p.inverseTemperature);
    if (isFloat(1u)) store(from, turn, p.d, e);
    addTo(s, turn, mix(vec4(0.0), e, lessThan(columnsOf(turn), uvec4(p.d))));
  }
  const float total = sumOf(s);
  if (isFloat(1u)) {
    EACH_TURN(turn, p.d) store(from, turn, p.d, reload(from, turn, p.d, 0.0) / total);
    return;
  }
  // Halves would have lost digits of the exponentials: they are made again. Rows are of whole fours.
  EACH_TURN(turn, p.d) {
    const vec4 e = exactExp4((load(from, turn, p.d, -INFINITY) - largest) * p.inverseTemperature);
    const uvec4 h = narrowed(e / total, formatAt(1u));
    if (quadOf(turn) < p.d / 4u) pairs[from / 4u + quadOf(turn)] = uvec2(h.x | h.y << 16, h.z | h.w << 16);
  }
}
