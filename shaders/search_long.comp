#version 450
// The score of one query and one base row a group, for rows that are longer than a thread's loop may be: where drivers
// cut loops (vulkan/loops.h), the other two kernels leave these to it.
#include "common.glsl"
layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 11) const uint kMetric = 0;
layout(constant_id = 18) const uint kRowsOfFours = 0;
#include "reduce.glsl"
layout(std430, set = 0, binding = 0) readonly buffer QueriesBuffer { float queries[]; };
layout(std430, set = 0, binding = 0) readonly buffer Queries4Buffer { vec4 queries4[]; };
layout(std430, set = 0, binding = 1) readonly buffer BaseBuffer { float base[]; };
layout(std430, set = 0, binding = 1) readonly buffer Base4Buffer { vec4 base4[]; };
layout(std430, set = 0, binding = 2) writeonly buffer ScoresBuffer { float scores[]; };
layout(push_constant) uniform Push { SearchParams p; };
#include "rows.glsl"
#include "search.glsl"
ROW_LOAD(loadQuery, queries, queries4)
ROW_LOAD(loadBase, base, base4)

struct Sums {
  float product, squaresQ, squaresN;
};
Sums sumsOf(uint fromQ, uint fromN, float byQ, float byN) {
  Sum product = sumOfNone(), squaresQ = sumOfNone(), squaresN = sumOfNone();
  EACH_TURN(turn, p.d) {
    const vec4 a = loadQuery(fromQ, turn, p.d, 0.0) * byQ, b = loadBase(fromN, turn, p.d, 0.0) * byN;
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
  const uint fromQ = query * p.d, fromN = row * p.d;
  Sums s = sumsOf(fromQ, fromN, 1.0, 1.0);
  if (lostScore(s.product, s.squaresQ, s.squaresN)) {
    s = sumsOf(fromQ, fromN, powerFor(s.squaresQ), powerFor(s.squaresN));
    if (kMetric == kMetricDot) s.product = broughtBack(s.product);
  }
  const float score = kMetric == kMetricCosine ? cosine(s.product, s.squaresQ, s.squaresN) : s.product;
  if (LANE == 0) scores[query * p.ldScores + p.firstColumn + row] = score;
}
