// A row, or a part of one, as one number. Needs `load` of rows.glsl, kKind, and as kWide and kNarrow 2^64 and 2^-64.
// What may be past float32 is a vec2: x * y, and y is 1 or kWide.

// The sum of x * by, or of its squares.
float rowSum(uint from, uint d, float by) {
  Sum s = sumOfNone();
  EACH_TURN(turn, d) {
    const vec4 x = load(from, turn, d, 0.0) * by;
    addTo(s, turn, kKind == kReduceNorm ? x * x : x);
  }
  return sumOf(s);
}

// The largest element (smallest for min) that is no NaN; `nan` tells whether there was one.
float rowExtreme(uint from, uint d, out bool nan) {
  const float none = -INFINITY;
  vec4 best = vec4(none);
  bool bad = false;
  EACH_TURN(turn, d) {
    vec4 x = load(from, turn, d, kKind == kReduceMin ? INFINITY : none);
    bad = bad || anyNan(x);
    best = larger(best, kKind == kReduceMin ? -x : x);
  }
  nan = groupAny(bad);
  const float all = largestOf(best);
  return kKind == kReduceMin ? -all : all;
}

vec2 rowNorm(uint from, uint d) {
  const float plain = rowSum(from, d, 1.0);
  if (trustedSquares(plain) || isNan(plain)) return vec2(sqrt(plain), 1.0);
  const float power = rescuePower(plain), root = sqrt(rowSum(from, d, power));
  if (power > 1.0) return vec2(root * (1.0 / kRescueUp), 1.0);
  const float norm = root * kRescueBack;
  return isInf(norm) && !isInf(root) ? vec2(root * (kRescueBack * kNarrow), kWide) : vec2(norm, 1.0);
}

// Also where the sum overflows on the way.
vec2 rowTotal(uint from, uint d) {
  const float plain = rowSum(from, d, 1.0);
  if (isFinite(plain)) return vec2(plain, 1.0);
  return vec2(rowSum(from, d, kNarrow), kWide);
}

// Of a mean the sum. NaN where min or max meet one.
vec2 reducedRow(uint from, uint d) {
  if (kKind == kReduceSum || kKind == kReduceMean) return rowTotal(from, d);
  if (kKind == kReduceNorm) return rowNorm(from, d);
  bool nan = false;
  const float result = rowExtreme(from, d, nan);
  return vec2(nan ? NAN : result, 1.0);
}
