#version 450
// One number for every row: sum, mean, min, max or L2 norm.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 10) const uint kKind = 0;
layout(constant_id = 11) const uint kFormats = 0;
layout(constant_id = 17) const uint kRowsOfFours = 0;
#include "reduce.glsl"
#include "halves.glsl"
READS(take, 0)
WRITES(put, 1)
layout(push_constant) uniform Push { ReduceParams p; };
#include "rows.glsl"
ROW_READ(load, take)

// The sum of x / by, or of its squares.
float rowSum(uint from, float by) {
  Sum s = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 x = by == 1.0 ? load(from, turn, p.d, 0.0) : load(from, turn, p.d, 0.0) / by;
    addTo(s, turn, kKind == kReduceNorm ? x * x : x);
  }
  return sumOf(s);
}

// The largest element (smallest for min, largest magnitude for norm) that is no NaN; `nan` tells whether there was one.
float rowExtreme(uint from, out bool nan) {
  const float none = kKind == kReduceNorm ? 0.0 : -INFINITY;
  vec4 best = vec4(none);
  bool bad = false;
  EACH_TURN(turn, p.d) {
    vec4 x = load(from, turn, p.d, kKind == kReduceMin ? INFINITY : none);
    bad = bad || anyNan(x);
    best = larger(best, kKind == kReduceNorm ? abs(x) : kKind == kReduceMin ? -x : x);
  }
  nan = groupAny(bad);
  const float all = largestOf(best);
  return kKind == kReduceMin ? -all : all;
}

float rowNorm(uint from) {
  const float plain = rowSum(from, 1.0);
  if (trustedSquares(plain) || isNan(plain)) return sqrt(plain);
  bool nan;
  const float largest = rowExtreme(from, nan);
  if (largest == 0.0 || isInf(largest)) return largest;
  return largest * sqrt(rowSum(from, largest));
}

// The sum, or the mean, also where the sum overflows on the way.
float rowTotal(uint from) {
  const float over = kKind == kReduceMean ? float(p.d) : 1.0, plain = rowSum(from, 1.0);
  if (isFinite(plain)) return plain / over;
  return rowSum(from, 1.8446744073709552e19) / over * 1.8446744073709552e19;  // 2^64
}

void main() {
  const uint row = groupIndex();
  if (row >= p.rows) return;
  const uint from = row * p.d;
  float result;
  bool nan = false;
  if (kKind == kReduceSum || kKind == kReduceMean) result = rowTotal(from);
  else if (kKind == kReduceNorm) result = rowNorm(from);
  else result = rowExtreme(from, nan);
  if (LANE == 0) put1(row, nan ? NAN : result);
}
