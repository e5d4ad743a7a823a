#version 450
// x / sqrt(mean of x^2 + epsilon) * gamma for every row, to which another may be added first.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kHasGamma = 0;
layout(constant_id = 12) const uint kHasResidual = 0;
layout(constant_id = 13) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
READS(gamma, 1)
READS(residual, 2)
WRITES(put, 3)
layout(push_constant) uniform Push { RmsNormParams p; };
#include "rows.glsl"
ROW_READ(loadInput, take)
ROW_READ(loadGamma, gamma)
ROW_READ(loadResidual, residual)
ROW_WRITE(store, put)

vec4 load(uint from, uint turn) {
  const vec4 x = loadInput(from, turn, p.d, 0.0);
  return kHasResidual == 0u ? x : x + loadResidual(from, turn, p.d, 0.0);
}

// Of the row's elements times a power of two.
float squaresOf(uint from, float by) {
  Sum squares = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 x = load(from, turn) * by;
    addTo(squares, turn, x * x);
  }
  return sumOf(squares);
}

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint from = row * p.d;
  const float plain = squaresOf(from, 1.0);
  float by = 1.0, deviation = sqrt(plain / float(p.d) + p.epsilon);
  if (!trustedSquares(plain) && !isNan(plain)) {  // what float32 can't square
    vec4 best = vec4(0.0);
    EACH_TURN(turn, p.d) best = larger(best, abs(load(from, turn)));
    const float largest = largestOf(best);
    if (largest > 0.0 && !isInf(largest)) {
      const float power = towardsOne(largest), epsilon = p.epsilon * power * power;
      const float squares = squaresOf(from, power);
      if (isFinite(epsilon)) {
        by = power;
        deviation = sqrt(squares / float(p.d) + epsilon);
      } else {  // beside it the squares are nothing
        deviation = sqrt(p.epsilon);
      }
    } else if (largest == 0.0 && floatBitsToUint(p.epsilon) != 0u) {
      deviation = INFINITY;  // rows of 0 stay so, also where epsilon is too small for a driver
    }
  }
  EACH_TURN(turn, p.d) {
    vec4 y = load(from, turn) * by / deviation;
    if (kHasGamma != 0u) y *= loadGamma(0u, turn, p.d, 0.0);
    store(from, turn, p.d, y);
  }
}
