#version 450
// Scores of many queries against many base rows for cards: a tile of kSearchTile queries by the rows of a block a
// group, through shared memory, 4 x 4 of it in the registers of a thread.
#include "common.glsl"
layout(local_size_x = 256) in;
#include "search_base.glsl"
#include "search.glsl"
layout(std430, set = 0, binding = 4) writeonly buffer ScoresBuffer { float scores[]; };
#define JOIN_SUM(x) (x)
#define JOIN_MAX(x) (x)
#include "search_scaled.glsl"

#define kTile 64u
#define kDepth 16u
#define kSumBlock 256u  // elements added up in one go, so that the error of long sums of like terms stays small
shared float left[kDepth][kTile + 1u], right[kDepth][kTile + 1u];  // a column more: stores meet different banks
shared float squaresOf[2u * kTile];  // of the queries, then of the rows
shared uint best[kTile][17];

void main() {
  const uint tiles = (p.q + kTile - 1u) / kTile, index = groupIndex(), lane = gl_LocalInvocationID.x;
  const uint block = index / tiles, q0 = index % tiles * kTile, n0 = block * kSearchBlock;
  if (n0 >= p.n) return;
  const uint x = lane % 16u, y = lane / 16u;
  if (isHiddenBlock(block)) {
    for (uint i = lane; i < kTile * (kBlocks ? 1u : kTile); i += 256u) {
      const uint q = q0 + (kBlocks ? i : i / kTile), n = n0 + i % kTile;
      if (q < p.q && (kBlocks || n < p.n)) scores[q * p.ldScores + p.firstColumn + (kBlocks ? block : n)] = NAN;
    }
    return;
  }
  // Four neighbouring elements of one row of each a thread loads.
  const uint loadRow = lane / 4u, loadColumn = lane % 4u * 4u;
  const uint loadQ = min(q0 + loadRow, p.q - 1u) * p.d, rowN = min(n0 + loadRow, p.n - 1u), loadN = rowN * p.d;
  const float scale = scaleOfRow(rowN);
  float sum[4][4], total[4][4], squares = 0.0, allSquares = 0.0;
  [[unroll]] for (uint i = 0; i < 16u; ++i) sum[i / 4u][i % 4u] = total[i / 4u][i % 4u] = 0.0;
  for (uint c = 0; c < p.d; c += kDepth) {
    if (c % kSumBlock == 0u) {
      allSquares += squares;
      squares = 0.0;
      [[unroll]] for (uint i = 0; i < 16u; ++i) {
        total[i / 4u][i % 4u] += sum[i / 4u][i % 4u];
        sum[i / 4u][i % 4u] = 0.0;
      }
    }
    vec4 a = vec4(0.0), b = vec4(0.0);
    if (c + loadColumn < p.d) {
      a = queryAt(loadQ, c + loadColumn);
      b = scaledBaseAt(loadN, c + loadColumn, scale);
    }
    [[unroll]] for (uint i = 0; i < 4u; ++i) {
      left[loadColumn + i][loadRow] = a[i];
      right[loadColumn + i][loadRow] = b[i];
    }
    barrier();
    if (kMetric == kMetricCosine && lane < 2u * kTile)
      [[unroll]] for (uint k = 0; k < kDepth; ++k) {
        const float v = lane < kTile ? left[k][lane] : right[k][lane - kTile];
        squares += v * v;
      }
    [[unroll]] for (uint k = 0; k < kDepth; ++k) {
      float l[4], r[4];
      [[unroll]] for (uint i = 0; i < 4u; ++i) {
        l[i] = left[k][y + 16u * i];
        r[i] = right[k][x + 16u * i];
      }
      [[unroll]] for (uint i = 0; i < 4u; ++i)
        [[unroll]] for (uint j = 0; j < 4u; ++j) {
          const float difference = l[i] - r[j];
          sum[i][j] += kMetric == kMetricL2 ? difference * difference : l[i] * r[j];
        }
    }
    barrier();
  }
  if (lane < 2u * kTile) squaresOf[lane] = allSquares + squares;
  barrier();
  float ofQ[4], ofN[4];
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    ofQ[i] = kMetric == kMetricCosine ? squaresOf[y + 16u * i] : kLargeSquares;
    ofN[i] = kMetric == kMetricCosine ? squaresOf[kTile + x + 16u * i] : kLargeSquares;
  }
  uint lost = 0u, shown = 0u;  // a bit for each that is to be made again, and for each that counts
  [[unroll]] for (uint i = 0; i < 4u; ++i)
    [[unroll]] for (uint j = 0; j < 4u; ++j) {
      const uint n = n0 + x + 16u * j, bit = 1u << (4u * i + j);
      if (q0 + y + 16u * i < p.q && n < p.n && !isHidden(n)) shown |= bit;
      float s = total[i][j] + sum[i][j];
      if (lostScore(s, ofQ[i], ofN[j])) lost |= bit;
      if (kMetric == kMetricCosine) s = cosineOf(s, sqrt(ofQ[i]), sqrt(ofN[j]));
      sum[i][j] = s;
    }
  lost &= shown;
  if (lost != 0u) {
    float sizeQ[4], sizeN[4];
    [[unroll]] for (uint i = 0; i < 4u; ++i) {
      const bool anyQ = (lost >> (i * 4u) & 0xFu) != 0u, anyN = (lost >> i & 0x1111u) != 0u;
      sizeQ[i] = anyQ ? sizeOfQuery((q0 + y + 16u * i) * p.d, ofQ[i], 0u, 4u) : 1.0;
      sizeN[i] = anyN ? sizeOfBase((n0 + x + 16u * i) * p.d, ofN[i], 0u, 4u) : 1.0;
    }
    for (; lost != 0u; lost &= lost - 1u) {
      const uint which = uint(findLSB(lost)), i = which / 4u, j = which % 4u;
      const float s = scoreAgain((q0 + y + 16u * i) * p.d, (n0 + x + 16u * j) * p.d, sizeQ[i], sizeN[j], sum[i][j],
                                 0u, 4u);
      [[unroll]] for (uint w = 0; w < 16u; ++w) if (w == which) sum[w / 4u][w % 4u] = s;
    }
  }
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    const uint q = q0 + y + 16u * i;
    uint key = kHiddenKey;
    [[unroll]] for (uint j = 0; j < 4u; ++j) {
      const bool isShown = (shown >> (4u * i + j) & 1u) != 0u;
      if (isShown) key = min(key, keyOf(sum[i][j]));
      const uint n = n0 + x + 16u * j;
      if (!kBlocks && q < p.q && n < p.n)
        scores[q * p.ldScores + p.firstColumn + n] = isShown ? rankOf(sum[i][j]) : NAN;
    }
    if (kBlocks) best[y + 16u * i][x] = key;
  }
  if (!kBlocks) return;
  barrier();
  if (lane >= kTile || q0 + lane >= p.q) return;
  uint key = kHiddenKey;
  [[unroll]] for (uint i = 0; i < 16u; ++i) key = min(key, best[lane][i]);
  scores[(q0 + lane) * p.ldScores + p.firstColumn + block] = rankOfKey(key);
}
