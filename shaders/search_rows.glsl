// Scores of four rows of the base at once, by a subgroup whose lanes stride along them.
#define JOIN_SUM subgroupAdd
#define JOIN_MAX subgroupMax
#include "search_scaled.glsl"
#define kAlone (gl_WorkGroupSize.x <= gl_SubgroupSize)
uint subgroups() { return kAlone ? 1u : gl_NumSubgroups; }
uint subgroupPlace() { return kAlone ? 0u : gl_SubgroupID; }

// Of the rows whose bits are set in `shown`; sizeQ is the query's, NaN until it was looked at.
vec4 scoresOf(uint fromQ, uvec4 rows, uint shown, inout float sizeQ) {
  const uint begin = 4u * gl_SubgroupInvocationID, step = 4u * gl_SubgroupSize;
  vec4 sum[4], squares[4], squaresQ = vec4(0.0);
  float scale[4];
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    sum[i] = squares[i] = vec4(0.0);
    scale[i] = scaleOfRow(rows[i]);
  }
  for (uint c = begin; c < p.d; c += step) {
    const vec4 a = queryAt(fromQ, c);
    if (kMetric == kMetricCosine) squaresQ += a * a;
    [[unroll]] for (uint i = 0; i < 4u; ++i) {
      const vec4 b = scaledBaseAt(rows[i] * p.d, c, scale[i]);
      const vec4 difference = a - b;
      sum[i] += kMetric == kMetricL2 ? difference * difference : a * b;
      if (kMetric == kMetricCosine) squares[i] += b * b;
    }
  }
  const float ofQuery = kMetric == kMetricCosine ? subgroupAdd(over(squaresQ)) : kLargeSquares;
  vec4 scores;
  float ofRows[4];
  uint lost = 0u;  // a bit for each that is to be made again
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    const float s = subgroupAdd(over(sum[i]));
    ofRows[i] = kMetric == kMetricCosine ? subgroupAdd(over(squares[i])) : kLargeSquares;
    if (lostScore(s, ofQuery, ofRows[i])) lost |= 1u << i;
    scores[i] = kMetric == kMetricCosine ? cosine(s, ofQuery, ofRows[i]) : s;
  }
  for (lost &= shown; lost != 0u; lost &= lost - 1u) {
    const uint i = uint(findLSB(lost));
    if (isNan(sizeQ)) sizeQ = sizeOfQuery(fromQ, ofQuery, begin, step);
    if (kMetric != kMetricCosine && !isWorthCare(sizeQ)) break;  // products are what they are
    const float sizeN = isZero(sizeQ) ? 1.0 : sizeOfBase(rows[i] * p.d, ofRows[i], begin, step);
    scores[i] = scoreAgain(fromQ, rows[i] * p.d, sizeQ, sizeN, scores[i], begin, step);
  }
  return scores;
}
