#version 450
// Every row over the larger of its L2 norm and epsilon.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
WRITES(put, 1)
layout(push_constant) uniform Push { NormalizeParams p; };
#include "rows.glsl"
ROW_READ(load, take)
ROW_WRITE(store, put)

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint from = row * p.d;
  Sum squares = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 x = load(from, turn, p.d, 0.0);
    addTo(squares, turn, x * x);
  }
  const float plain = sumOf(squares);
  float by = sqrt(plain), prescale = 1.0;
  if (!trustedSquares(plain) && !isNan(plain)) {  // too small or too large to be squared: first over the largest
    vec4 best = vec4(0.0);
    EACH_TURN(turn, p.d) best = larger(best, abs(load(from, turn, p.d, 0.0)));
    const float largest = largestOf(best);
    by = largest;
    if (largest > 0.0 && !isInf(largest)) {
      squares = sumOfNone();
      EACH_TURN(turn, p.d) {
        const vec4 x = load(from, turn, p.d, 0.0) / largest;
        addTo(squares, turn, x * x);
      }
      const float scaled = sqrt(sumOf(squares));
      by = largest * scaled;
      if (by > p.epsilon) {  // also when it overflows
        prescale = largest;
        by = scaled;
      }
    }
  }
  if (prescale == 1.0 && by < p.epsilon) by = p.epsilon;
  EACH_TURN(turn, p.d) store(from, turn, p.d, load(from, turn, p.d, 0.0) / prescale / by);
}
