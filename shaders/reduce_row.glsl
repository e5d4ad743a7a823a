// A row, or a part of one, as one number. Needs `load` of rows.glsl, and kKind.

// The sum of x / by, or of its squares.
float rowSum(uint from, uint d, float by) {
  Sum s = sumOfNone();
  EACH_TURN(turn, d) {
    const vec4 x = by == 1.0 ? load(from, turn, d, 0.0) : load(from, turn, d, 0.0) / by;
    addTo(s, turn, kKind == kReduceNorm ? x * x : x);
  }
  return sumOf(s);
}

// The largest element (smallest for min, largest magnitude for norm) that is no NaN; `nan` tells whether there was one.
float rowExtreme(uint from, uint d, out bool nan) {
  const float none = kKind == kReduceNorm ? 0.0 : -INFINITY;
  vec4 best = vec4(none);
  bool bad = false;
  EACH_TURN(turn, d) {
    vec4 x = load(from, turn, d, kKind == kReduceMin ? INFINITY : none);
    bad = bad || anyNan(x);
    best = larger(best, kKind == kReduceNorm ? abs(x) : kKind == kReduceMin ? -x : x);
  }
  nan = groupAny(bad);
  const float all = largestOf(best);
  return kKind == kReduceMin ? -all : all;
}

float rowNorm(uint from, uint d, float over) {
  const float plain = rowSum(from, d, 1.0);
  if (trustedSquares(plain) || isNan(plain)) return sqrt(plain) / over;
  bool nan;
  const float largest = rowExtreme(from, d, nan);
  if (largest == 0.0 || isInf(largest)) return largest;
  return largest / over * sqrt(rowSum(from, d, largest));
}

// The sum over `over`, also where the sum overflows on the way.
float rowTotal(uint from, uint d, float over) {
  const float plain = rowSum(from, d, 1.0);
  if (isFinite(plain)) return plain / over;
  return rowSum(from, d, 1.8446744073709552e19) / over * 1.8446744073709552e19;  // 2^64
}

// Sums and norms over `over`. NaN where min or max meet one.
float reducedRow(uint from, uint d, float over) {
  if (kKind == kReduceSum || kKind == kReduceMean) return rowTotal(from, d, over);
  if (kKind == kReduceNorm) return rowNorm(from, d, over);
  bool nan = false;
  const float result = rowExtreme(from, d, nan);
  return nan ? NAN : result;
}
