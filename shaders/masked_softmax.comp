#version 450
// Softmax of attention scores in place, after the mask and with what is not to be seen left out.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 13) const uint kHasMask = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "math.glsl"
#include "reduce.glsl"
layout(std430, set = 0, binding = 0) readonly buffer MaskBuffer { float mask[]; };
layout(std430, set = 0, binding = 0) readonly buffer Mask4Buffer { vec4 mask4[]; };
layout(std430, set = 0, binding = 1) buffer ScoresBuffer { float scores[]; };
layout(std430, set = 0, binding = 1) buffer Scores4Buffer { vec4 scores4[]; };
layout(push_constant) uniform Push { MaskedSoftmaxParams p; };
#include "rows.glsl"
ROW_LOAD(load, scores, scores4)
ROW_LOAD(loadMask, mask, mask4)
ROW_STORE(store, scores, scores4)

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint from = row * p.t, query = (p.firstRow + row) % p.s;
  const uint seen = p.causal != 0u ? min(p.t, max(query + 1u + p.t, p.s) - p.s) : p.t;  // queries are the last rows
  vec4 best = vec4(-INFINITY);
  EACH_TURN(turn, p.t) {
    vec4 x = load(from, turn, p.t, -INFINITY);
    if (kHasMask != 0u) x += loadMask(query * p.t, turn, p.t, 0.0);
    x = mix(vec4(-INFINITY), x, lessThan(columnsOf(turn), uvec4(seen)));
    store(from, turn, p.t, x);
    best = larger(best, x);
  }
  const float largest = largestOf(best);
  Sum s = sumOfNone();
  EACH_TURN(turn, p.t) {
    const vec4 e = exactExp4(load(from, turn, p.t, -INFINITY) - largest);
    store(from, turn, p.t, e);
    addTo(s, turn, mix(vec4(0.0), e, lessThan(columnsOf(turn), uvec4(p.t))));
  }
  const float total = sumOf(s);
  EACH_TURN(turn, p.t) store(from, turn, p.t, seen == 0u ? vec4(0.0) : load(from, turn, p.t, 0.0) / total);
}
