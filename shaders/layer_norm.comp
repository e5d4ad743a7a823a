#version 450
// (x - mean) / sqrt(variance + epsilon) * gamma + beta for every row, of which another may be added first.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kHasGamma = 0;
layout(constant_id = 12) const uint kHasBeta = 0;
layout(constant_id = 13) const uint kHasResidual = 0;
layout(constant_id = 14) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
READS(gamma, 1)
READS(beta, 2)
READS(residual, 3)
WRITES(put, 4)
layout(push_constant) uniform Push { LayerNormParams p; };
#include "rows.glsl"
ROW_READ(loadInput, take)
ROW_READ(loadResidual, residual)
ROW_READ(loadGamma, gamma)
ROW_READ(loadBeta, beta)
ROW_WRITE(store, put)

vec4 load(uint from, uint turn, uint d, float neutral) {
  const vec4 x = loadInput(from, turn, d, neutral);
  return kHasResidual == 0u ? x : x + loadResidual(from, turn, d, 0.0);
}

// The mean is centre + rest: what rounding left over corrects both the mean and the variance.
struct Spread {
  float centre, rest, variance;
};

// Of the row's elements times a power of two.
Spread spreadOf(uint from, float by) {
  Sum s = sumOfNone();
  EACH_TURN(turn, p.d) addTo(s, turn, load(from, turn, p.d, 0.0) * by);
  const float centre = sumOf(s) / float(p.d);
  Sum first = sumOfNone(), second = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 x = load(from, turn, p.d, 0.0) * by - centre;
    addTo(first, turn, mix(vec4(0.0), x, lessThan(columnsOf(turn), uvec4(p.d))));
    addTo(second, turn, mix(vec4(0.0), x * x, lessThan(columnsOf(turn), uvec4(p.d))));
  }
  const float sumFirst = sumOf(first), rest = sumFirst / float(p.d);
  const float variance = (sumOf(second) - sumFirst * rest) / float(p.d);
  return Spread(centre, rest, variance < 0.0 ? 0.0 : variance);
}

// Infinite also where the row holds a NaN.
float largestOfRow(uint from) {
  uvec4 most = uvec4(0u);  // magnitudes order like their bits
  EACH_TURN(turn, p.d) most = max(most, floatBitsToUint(load(from, turn, p.d, 0.0)) & 0x7FFFFFFFu);
  return largestOf(uintBitsToFloat(min(most, uvec4(kInfBits))));
}

vec4 affine(vec4 y, uint turn) {
  if (kHasGamma == 0u && kHasBeta == 0u) return y;
  vec4 g = vec4(1.0), b = vec4(0.0);
  if (kHasGamma != 0u) g = loadGamma(0u, turn, p.d, 0.0);
  if (kHasBeta != 0u) b = loadBeta(0u, turn, p.d, 0.0);
  [[unroll]] for (uint i = 0; i < 4u; ++i) y[i] = wideMulAdd(y[i], g[i], b[i]);
  return y;
}

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint from = row * p.d;
  Spread spread = spreadOf(from, 1.0);
  float by = 1.0, deviation = sqrt(spread.variance + p.epsilon);
  if (!(spread.variance <= 1e38 && spread.variance + p.epsilon >= 1e-28)) {  // what float32 can't square
    const float largest = largestOfRow(from);
    if (isFinite(largest)) {
      by = towardsOne(largest);
      spread = spreadOf(from, by);
      const float epsilon = p.epsilon * by * by;
      deviation = isFinite(epsilon) ? sqrt(spread.variance + epsilon) : sqrt(p.epsilon) * by;
      // Rows of one number are 0, also where epsilon is too small for float32 then.
      if (spread.variance == 0.0 && floatBitsToUint(p.epsilon) != 0u) deviation = INFINITY;
    } else {
      deviation = NAN;
    }
  }
  EACH_TURN(turn, p.d) {
    const vec4 x = load(from, turn, p.d, 0.0) * by;
    store(from, turn, p.d, affine((x - spread.centre - spread.rest) / deviation, turn));
  }
}
