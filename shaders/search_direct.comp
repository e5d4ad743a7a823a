#version 450
// search_scores for software drivers, as matmul_direct.glsl: a group is one subgroup and does kQueries queries and the
// rows of a block, four a lane at a time.
#extension GL_KHR_shader_subgroup_ballot : require
#include "common.glsl"
layout(local_size_x = 32, local_size_x_id = 0) in;
#include "search_base.glsl"
#include "search.glsl"
layout(std430, set = 0, binding = 4) writeonly buffer ScoresBuffer { float scores[]; };
#define JOIN_SUM(x) (x)
#define JOIN_MAX(x) (x)
#include "search_scaled.glsl"

#define kQueries 16u
#define kSumBlock 256u  // elements added up in one go, so that the error of long sums of like terms stays small
#define W gl_WorkGroupSize.x
const uint kSlots = (kQueries + W - 1u) / W;  // vec4s of queries that a lane loads in a step
shared vec4 products[kQueries * 32u];
shared uint best[kQueries * 32u];
shared float squaresOfQuery[kQueries];

void hideRows(uint q0, uint row) {
  for (uint q = q0; q < min(q0 + kQueries, p.q); ++q)
    [[unroll]] for (uint i = 0; i < 4u; ++i)
      if (row + i < p.n) scores[q * p.ldScores + p.firstColumn + row + i] = NAN;
}

// Leaves the products with four rows of this lane in `products`; gives those rows' squares.
vec4 multiply(uint q0, uint row, uint lane) {
  uint fromN[4], fromQ[4];
  float scale[4];
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    const uint n = min(row + i, p.n - 1u);
    fromN[i] = n * p.d;
    scale[i] = scaleOfRow(n);
    fromQ[i] = min(q0 + min(i * W + lane, kQueries - 1u), p.q - 1u) * p.d;
  }
  vec4 sum[kQueries], total[kQueries], squares = vec4(0.0), allSquares = vec4(0.0), squaresQ[4];
  [[unroll]] for (uint r = 0; r < kQueries; ++r) sum[r] = total[r] = vec4(0.0);
  [[unroll]] for (uint s = 0; s < 4u; ++s) squaresQ[s] = vec4(0.0);
  for (uint first = 0; first < p.d; first += kSumBlock) {
    for (uint c = first; c < min(first + kSumBlock, p.d); c += 4u) {
      vec4 a[4], b[4];
      [[unroll]] for (uint s = 0; s < 4u; ++s) {
        if (s >= kSlots) continue;
        a[s] = queryAt(fromQ[s], c);
        if (kMetric == kMetricCosine) squaresQ[s] += a[s] * a[s];
      }
      [[unroll]] for (uint i = 0; i < 4u; ++i) b[i] = scaledBaseAt(fromN[i], c, scale[i]);
      [[unroll]] for (uint i = 0; i < 4u; ++i) {
        const vec4 right = vec4(b[0][i], b[1][i], b[2][i], b[3][i]);
        if (kMetric == kMetricCosine) squares += right * right;
        [[unroll]] for (uint r = 0; r < kQueries; ++r) {
          const float left = subgroupBroadcast(a[r / W][i], r % W);
          const vec4 difference = left - right;
          sum[r] += kMetric == kMetricL2 ? difference * difference : left * right;
        }
      }
    }
    allSquares += squares;
    squares = vec4(0.0);
    [[unroll]] for (uint r = 0; r < kQueries; ++r) {
      total[r] += sum[r];
      sum[r] = vec4(0.0);
    }
  }
  [[unroll]] for (uint r = 0; r < kQueries; ++r) products[r * W + lane] = total[r];
  [[unroll]] for (uint s = 0; s < 4u; ++s)
    if (s < kSlots && s * W + lane < kQueries) squaresOfQuery[s * W + lane] = over(squaresQ[s]);
  return allSquares;
}

// Rows `row` .. `row` + 3 of this lane, of which those in `shown` count.
void score(uint q0, uint row, uint lane, uint shown) {
  const vec4 squares = multiply(q0, row, lane), norms = sqrt(squares);
  subgroupBarrier();
  vec4 sizes;
  bool areSizes = false;  // those are asked for but rarely
  for (uint r = 0; r < kQueries && q0 + r < p.q; ++r) {
    vec4 s = products[r * W + lane];
    const float ofQuery = kMetric == kMetricCosine ? squaresOfQuery[r] : kLargeSquares, normQuery = sqrt(ofQuery);
    uint lost = 0u;  // a bit for each that is to be made again
    [[unroll]] for (uint i = 0; i < 4u; ++i) {
      if (lostScore(s[i], ofQuery, kMetric == kMetricCosine ? squares[i] : kLargeSquares)) lost |= 1u << i;
      if (kMetric == kMetricCosine) s[i] = cosineOf(s[i], normQuery, norms[i]);
    }
    lost &= shown;
    if (lost != 0u) {
      if (!areSizes)
        for (uint i = 0; i < 4u; ++i)
          if (row + i < p.n)
            sizes[i] =
              sizeOfBase((row + i) * p.d, kMetric == kMetricCosine ? squares[i] : kLargeSquares, 0u, 4u);
      areSizes = true;
      const uint fromQ = (q0 + r) * p.d;
      const float sizeQ = sizeOfQuery(fromQ, ofQuery, 0u, 4u);
      for (; lost != 0u; lost &= lost - 1u) {
        const uint i = uint(findLSB(lost));
        s[i] = scoreAgain(fromQ, (row + i) * p.d, sizeQ, sizes[i], s[i], 0u, 4u);
      }
    }
    if (kBlocks) {
      uint key = best[r * W + lane];
      [[unroll]] for (uint i = 0; i < 4u; ++i) if ((shown >> i & 1u) != 0u) key = min(key, keyOf(s[i]));
      best[r * W + lane] = key;
    } else {
      const uint at = (q0 + r) * p.ldScores + p.firstColumn + row;
      [[unroll]] for (uint i = 0; i < 4u; ++i)
        if (row + i < p.n) scores[at + i] = (shown >> i & 1u) != 0u ? rankOf(s[i]) : NAN;
    }
  }
}

void main() {
  const uint tiles = (p.q + kQueries - 1u) / kQueries, index = groupIndex(), lane = gl_SubgroupInvocationID;
  const uint block = index / tiles, q0 = index % tiles * kQueries;
  if (block * kSearchBlock >= p.n) return;
  [[unroll]] for (uint r = 0; r < kQueries; ++r) best[r * W + lane] = kHiddenKey;
  for (uint part = 0; part < kSearchBlock; part += 4u * W) {
    const uint row = block * kSearchBlock + part + 4u * lane;
    uint shown = 0u;
    [[unroll]] for (uint i = 0; i < 4u; ++i) if (row + i < p.n && !isHidden(row + i)) shown |= 1u << i;
    if (subgroupOr(shown) != 0u) score(q0, row, lane, shown);
    else if (!kBlocks) hideRows(q0, row);
    subgroupBarrier();
  }
  if (!kBlocks) return;
  for (uint r = lane; r < kQueries && q0 + r < p.q; r += W) {
    uint key = kHiddenKey;
    for (uint i = 0; i < W; ++i) key = min(key, best[r * W + i]);
    scores[(q0 + r) * p.ldScores + p.firstColumn + block] = rankOfKey(key);
  }
}
