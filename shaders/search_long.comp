#version 450
// The score of one query and one base row a group, for rows that are longer than a thread's loop may be: where drivers
// cut loops (vulkan/loops.h), the other kernels that score every row leave these to it.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
#include "search_base.glsl"
#include "search.glsl"
#include "reduce.glsl"
layout(std430, set = 0, binding = 4) writeonly buffer ScoresBuffer { float scores[]; };
#include "rows.glsl"
ROW_LOAD(loadQuery, queries, queries4)
// As rows.glsl has it, of any format.
vec4 loadBase(uint from, uint turn, float scale) {
  if (kRowsOfFours != 0u) {
    const uint c = 4u * quadOf(turn);
    return c < p.d ? scaledBaseAt(from, c, scale) : vec4(0.0);
  }
  const uvec4 c = columnsOf(turn);
  precise vec4 x = vec4(0.0);
  [[unroll]] for (uint i = 0; i < 4u; ++i)
    if (c[i] < p.d) x[i] = kCoded ? code8(baseWords[(from + c[i]) / 4u], from + c[i]) * scale : base(from + c[i]);
  return x;
}

struct Sums {
  float product, squaresQ, squaresN;
};
Sums sumsOf(uint fromQ, uint fromN, float scale, float byQ, float byN) {
  Sum product = sumOfNone(), squaresQ = sumOfNone(), squaresN = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 a = loadQuery(fromQ, turn, p.d, 0.0) * byQ, b = loadBase(fromN, turn, scale) * byN;
    const vec4 difference = a - b;
    addTo(product, turn, kMetric == kMetricL2 ? difference * difference : a * b);
    if (kMetric == kMetricCosine) {
      addTo(squaresQ, turn, a * a);
      addTo(squaresN, turn, b * b);
    }
  }
  if (kMetric != kMetricCosine) return Sums(sumOf(product), kLargeSquares, kLargeSquares);
  return Sums(sumOf(product), sumOf(squaresQ), sumOf(squaresN));
}

// Rows whose squares say how long they are come near 1.
float powerFor(float squares) {
  return kMetric == kMetricCosine && trustedSquares(squares) ? towardsOne(sqrt(squares)) : rescuePower(squares);
}

void main() {
  const uint pair = groupIndex(), row = pair % p.n, query = pair / p.n;
  if (query >= p.q) return;
  const uint fromQ = query * p.d, fromN = row * p.d, to = query * p.ldScores + p.firstColumn + row;
  if (isHidden(row)) {
    if (LANE == 0) scores[to] = NAN;
    return;
  }
  const float scale = scaleOfRow(row);
  Sums s = sumsOf(fromQ, fromN, scale, 1.0, 1.0);
  if (lostScore(s.product, s.squaresQ, s.squaresN)) {
    s = sumsOf(fromQ, fromN, scale, powerFor(s.squaresQ), powerFor(s.squaresN));
    if (kMetric == kMetricDot) s.product = broughtBack(s.product);
  }
  const float score = kMetric == kMetricCosine ? cosine(s.product, s.squaresQ, s.squaresN) : s.product;
  if (LANE == 0) scores[to] = rankOf(score);
}
