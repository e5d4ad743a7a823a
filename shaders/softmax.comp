#version 450
// exp((x - max) / temperature) / sum for every row.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "math.glsl"
#include "reduce.glsl"
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 0) readonly buffer Inp4Buffer { vec4 inp4[]; };
layout(std430, set = 0, binding = 1) buffer OutpBuffer { float outp[]; };
layout(std430, set = 0, binding = 1) buffer Outp4Buffer { vec4 outp4[]; };
layout(push_constant) uniform Push { SoftmaxParams p; };
#include "rows.glsl"
ROW_LOAD(load, inp, inp4)
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
    store(from, turn, p.d, e);
    addTo(s, turn, mix(vec4(0.0), e, lessThan(columnsOf(turn), uvec4(p.d))));
  }
  const float total = sumOf(s);
  EACH_TURN(turn, p.d) store(from, turn, p.d, reload(from, turn, p.d, 0.0) / total);
}
