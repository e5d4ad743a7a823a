#version 450
// Scores of many queries against many base rows, a tile of kSearchTile x kSearchTile a group.
#include "common.glsl"
layout(local_size_x = 16, local_size_y = 16) in;
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

#define JOIN_SUM(x) (x)
#define JOIN_MAX(x) (x)
#include "search_scaled.glsl"

// A thread does 4 x 4 scores, 16 apart, so that a group reads whole runs of rows.
#define kSide 4
#define kStep (kSearchTile / kSide)

void main() {
  const uint tile = groupIndex(), across = (p.n + kSearchTile - 1u) / kSearchTile;
  if (tile >= across * ((p.q + kSearchTile - 1u) / kSearchTile)) return;
  const uint q0 = tile / across * kSearchTile + gl_LocalInvocationID.y,
             n0 = tile % across * kSearchTile + gl_LocalInvocationID.x;
  uint fromQ[kSide], fromN[kSide];
  for (uint i = 0; i < kSide; ++i) {  // rows past the end repeat the last one, and are not written
    fromQ[i] = min(q0 + i * kStep, p.q - 1u) * p.d;
    fromN[i] = min(n0 + i * kStep, p.n - 1u) * p.d;
  }
  vec4 sum[kSide][kSide], squaresQ[kSide], squaresN[kSide];
  for (uint i = 0; i < kSide; ++i) {
    squaresQ[i] = squaresN[i] = vec4(0.0);
    for (uint j = 0; j < kSide; ++j) sum[i][j] = vec4(0.0);
  }
  for (uint c = 0; c < p.d; c += 4u) {
    vec4 a[kSide], b[kSide];
    for (uint i = 0; i < kSide; ++i) {
      a[i] = queryAt(fromQ[i], c);
      b[i] = baseAt(fromN[i], c);
      if (kMetric == kMetricCosine) {
        squaresQ[i] += a[i] * a[i];
        squaresN[i] += b[i] * b[i];
      }
    }
    for (uint i = 0; i < kSide; ++i)
      for (uint j = 0; j < kSide; ++j) {
        const vec4 difference = a[i] - b[j];
        sum[i][j] += kMetric == kMetricL2 ? difference * difference : a[i] * b[j];
      }
  }
  float allQ[kSide], allN[kSide];
  for (uint i = 0; i < kSide; ++i) {
    allQ[i] = kMetric == kMetricCosine ? over(squaresQ[i]) : kLargeSquares;
    allN[i] = kMetric == kMetricCosine ? over(squaresN[i]) : kLargeSquares;
  }
  uint lost = 0u;  // a bit for each that is to be made again
  for (uint i = 0; i < kSide; ++i)
    for (uint j = 0; j < kSide; ++j) {
      const uint q = q0 + i * kStep, n = n0 + j * kStep;
      if (q >= p.q || n >= p.n) continue;
      float s = over(sum[i][j]);
      if (lostScore(s, allQ[i], allN[j])) lost |= 1u << (i * kSide + j);
      if (kMetric == kMetricCosine) s = cosine(s, allQ[i], allN[j]);
      scores[q * p.ldScores + p.firstColumn + n] = s;
    }
  if (lost == 0u) return;
  float sizeQ[kSide], sizeN[kSide];
  for (uint i = 0; i < kSide; ++i) {
    const bool anyQ = (lost >> (i * kSide) & 0xFu) != 0u, anyN = (lost >> i & 0x1111u) != 0u;
    sizeQ[i] = anyQ ? sizeOfQuery(fromQ[i], allQ[i], 0u, 4u) : 1.0;
    sizeN[i] = anyN ? sizeOfBase(fromN[i], allN[i], 0u, 4u) : 1.0;
  }
  for (; lost != 0u; lost &= lost - 1u) {
    const uint which = uint(findLSB(lost)), i = which / kSide, j = which % kSide;
    const uint q = q0 + i * kStep, n = n0 + j * kStep;
    float s;
    if (isWorthCare(sizeQ[i]) && isWorthCare(sizeN[j]))
      s = rescuedScore(q * p.d, n * p.d, sizeQ[i], sizeN[j], 0u, 4u);
    else if (kMetric == kMetricCosine)
      s = plainCosine(sizeQ[i], sizeN[j]);
    else
      continue;  // a product is what it is
    scores[q * p.ldScores + p.firstColumn + n] = s;
  }
}
