#version 450
// Scores of at most kScanQueries queries against kScanRows base rows a group.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kMetric = 0;
layout(constant_id = 18) const uint kRowsOfFours = 0;
#include "search.glsl"
layout(std430, set = 0, binding = 0) readonly buffer QueriesBuffer { float queries[]; };
layout(std430, set = 0, binding = 0) readonly buffer Queries4Buffer { vec4 queries4[]; };
layout(std430, set = 0, binding = 1) readonly buffer BaseBuffer { float base[]; };
layout(std430, set = 0, binding = 1) readonly buffer Base4Buffer { vec4 base4[]; };
layout(std430, set = 0, binding = 2) writeonly buffer ScoresBuffer { float scores[]; };
layout(push_constant) uniform Push { SearchParams p; };

vec4 queryAt(uint from, uint c) {
  if (kRowsOfFours != 0u) return queries4[(from + c) / 4u];
  vec4 x = vec4(0.0);
  for (uint i = 0; i < 4u; ++i)
    if (c + i < p.d) x[i] = queries[from + c + i];
  return x;
}
vec4 baseAt(uint from, uint c) {
  if (kRowsOfFours != 0u) return base4[(from + c) / 4u];
  vec4 x = vec4(0.0);
  for (uint i = 0; i < 4u; ++i)
    if (c + i < p.d) x[i] = base[from + c + i];
  return x;
}

#define JOIN_SUM subgroupAdd
#define JOIN_MAX subgroupMax
#include "search_scaled.glsl"

// A subgroup takes kAtOnce rows in turn, its lanes stride along them.
#define kAtOnce 4

void main() {
  const uint first = groupIndex() * kScanRows;
  if (first >= p.n) return;
  const uint last = min(p.n, first + kScanRows);
  const bool alone = gl_WorkGroupSize.x <= gl_SubgroupSize;
  const uint subgroups = alone ? 1u : gl_NumSubgroups, subgroup = alone ? 0u : gl_SubgroupID;
  const uint begin = 4u * gl_SubgroupInvocationID, step = 4u * gl_SubgroupSize;
  for (uint q = 0; q < p.q; ++q) {
    float sizeQ = NAN;  // looked at once
    for (uint row = first + subgroup * kAtOnce; row < last; row += subgroups * kAtOnce) {
      vec4 sum[kAtOnce], squares[kAtOnce], squaresQ = vec4(0.0);
      uint from[kAtOnce];
      for (uint i = 0; i < kAtOnce; ++i) {
        sum[i] = squares[i] = vec4(0.0);
        from[i] = min(row + i, last - 1u) * p.d;
      }
      for (uint c = begin; c < p.d; c += step) {
        const vec4 a = queryAt(q * p.d, c);
        if (kMetric == kMetricCosine) squaresQ += a * a;
        for (uint i = 0; i < kAtOnce; ++i) {
          const vec4 b = baseAt(from[i], c);
          const vec4 difference = a - b;
          sum[i] += kMetric == kMetricL2 ? difference * difference : a * b;
          if (kMetric == kMetricCosine) squares[i] += b * b;
        }
      }
      const float allQ = kMetric == kMetricCosine ? subgroupAdd(over(squaresQ)) : kLargeSquares;
      float allN[kAtOnce];
      uint lost = 0u;  // a bit for each that is to be made again
      for (uint i = 0; i < kAtOnce; ++i) {
        float s = subgroupAdd(over(sum[i]));
        allN[i] = kMetric == kMetricCosine ? subgroupAdd(over(squares[i])) : kLargeSquares;
        if (lostScore(s, allQ, allN[i])) lost |= 1u << i;
        if (kMetric == kMetricCosine) s = cosine(s, allQ, allN[i]);
        if (subgroupElect() && row + i < last) scores[q * p.ldScores + p.firstColumn + row + i] = s;
      }
      for (; lost != 0u; lost &= lost - 1u) {
        const uint i = uint(findLSB(lost)), n = min(row + i, last - 1u);
        if (isNan(sizeQ)) sizeQ = sizeOfQuery(q * p.d, allQ, begin, step);
        if (kMetric != kMetricCosine && !isWorthCare(sizeQ)) break;  // products are what they are
        const float sizeN = isZero(sizeQ) ? 1.0 : sizeOfBase(n * p.d, allN[i], begin, step);
        float s;
        if (isWorthCare(sizeQ) && isWorthCare(sizeN))
          s = rescuedScore(q * p.d, n * p.d, sizeQ, sizeN, begin, step);
        else if (kMetric == kMetricCosine)
          s = plainCosine(sizeQ, sizeN);
        else
          continue;
        if (subgroupElect()) scores[q * p.ldScores + p.firstColumn + n] = s;
      }
    }
  }
}
