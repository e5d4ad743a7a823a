#version 450
// (x - mean) / sqrt(variance + epsilon) * gamma + beta for every row.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kHasGamma = 0;
layout(constant_id = 12) const uint kHasBeta = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
layout(std430, set = 0, binding = 0) readonly buffer InpBuffer { float inp[]; };
layout(std430, set = 0, binding = 0) readonly buffer Inp4Buffer { vec4 inp4[]; };
layout(std430, set = 0, binding = 1) readonly buffer GammaBuffer { float gamma[]; };
layout(std430, set = 0, binding = 1) readonly buffer Gamma4Buffer { vec4 gamma4[]; };
layout(std430, set = 0, binding = 2) readonly buffer BetaBuffer { float beta[]; };
layout(std430, set = 0, binding = 2) readonly buffer Beta4Buffer { vec4 beta4[]; };
layout(std430, set = 0, binding = 3) writeonly buffer OutpBuffer { float outp[]; };
layout(std430, set = 0, binding = 3) writeonly buffer Outp4Buffer { vec4 outp4[]; };
layout(push_constant) uniform Push { LayerNormParams p; };
#include "rows.glsl"
ROW_LOAD(load, inp, inp4)
ROW_LOAD(loadGamma, gamma, gamma4)
ROW_LOAD(loadBeta, beta, beta4)
ROW_STORE(store, outp, outp4)

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint from = row * p.d;
  Sum s = sumOfNone();
  EACH_TURN(turn, p.d) addTo(s, turn, load(from, turn, p.d, 0.0));
  const float mean = sumOf(s) / float(p.d);
  // Around the rounded mean: what rounding left over corrects both the mean and the variance.
  Sum first = sumOfNone(), second = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 x = load(from, turn, p.d, mean) - mean;
    addTo(first, turn, mix(vec4(0.0), x, lessThan(columnsOf(turn), uvec4(p.d))));
    addTo(second, turn, mix(vec4(0.0), x * x, lessThan(columnsOf(turn), uvec4(p.d))));
  }
  const float sumFirst = sumOf(first), rest = sumFirst / float(p.d);
  const float variance = (sumOf(second) - sumFirst * rest) / float(p.d);
  const float deviation = sqrt((variance < 0.0 ? 0.0 : variance) + p.epsilon);
  EACH_TURN(turn, p.d) {
    vec4 y = (load(from, turn, p.d, 0.0) - mean - rest) / deviation;
    if (kHasGamma != 0u) y *= loadGamma(0u, turn, p.d, 0.0);
    if (kHasBeta != 0u) y += loadBeta(0u, turn, p.d, 0.0);
    store(from, turn, p.d, y);
  }
}
