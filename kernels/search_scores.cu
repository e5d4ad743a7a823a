// search_scores: scores of many queries against a base, a tile of 64 x 64 a block. Each score sums along d in order,
// wherever it lies, so equal rows score equally.
#include "search.h"
#include "tile.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

static_assert(kTile == kSearchTile, "the launch counts tiles");

// Threads 0..63 gather the squares of one query each, 64..127 of one base row each.
__device__ inline float addSquares(float squares, const Slice& queries, const Slice& base) {
  if (threadIdx.x >= 2 * kTile) return squares;
  const Slice& slice = threadIdx.x < kTile ? queries : base;
  for (uint32_t depth = 0; depth < kSlice; ++depth) {
    const float x = slice.at[depth][threadIdx.x % kTile];
    squares += x * x;
  }
  return squares;
}

__global__ void __launch_bounds__(kTileThreads, 2)
    searchScoresKernel(const float* queries, const float* base, float* scores, SearchParams p) {
  __shared__ Slice queryPart;
  __shared__ Slice basePart;
  __shared__ float allSquares[2 * kTile];
  __shared__ uint32_t anyLost;
  __shared__ float sizes[2 * kTile];
  const uint64_t baseTiles = (uint64_t(p.n) + kTile - 1) / kTile;
  const uint64_t firstQuery = linearBlock() / baseTiles * kTile, firstRow = linearBlock() % baseTiles * kTile;
  if (firstQuery >= p.q) return;
  float results[kPerThread][kPerThread] = {};
  float squares = 0.0f;
  for (uint64_t depth = 0; depth < p.d; depth += kSlice) {
    loadSlice(queryPart, queries, firstQuery, p.q, depth, p.d, p.d, false);
    loadSlice(basePart, base, firstRow, p.n, depth, p.d, p.d, false);
    __syncthreads();
    if (p.metric == kMetricL2) {
      accumulate(results, queryPart, basePart, [](float sum, float x, float y) { return sum + (x - y) * (x - y); });
    } else {
      accumulate(results, queryPart, basePart, [](float sum, float x, float y) { return sum + x * y; });
      if (p.metric == kMetricCosine) squares = addSquares(squares, queryPart, basePart);
    }
    __syncthreads();
  }
  if (threadIdx.x < 2 * kTile) allSquares[threadIdx.x] = squares;
  __syncthreads();
  float* to = scores + firstQuery * p.ldScores + p.firstColumn + firstRow;
  const bool cosine = p.metric == kMetricCosine;
  uint32_t lost = 0;  // a bit for each result that is to be made again
  eachResult(results, firstQuery, p.q, firstRow, p.n, [&](uint32_t query, uint32_t row, float score) {
    const float ownQuery = allSquares[query], ownRow = allSquares[kTile + row];
    if (lostScore(p.metric, score, ownQuery, ownRow)) lost |= bitOfResult(query, row);
    if (cosine) score = cosineOf(score, sqrtf(ownQuery), sqrtf(ownRow));
    to[uint64_t(query) * p.ldScores + row] = score;
  });
  if (!anyInBlock(lost, anyLost)) return;
  const auto rowOf = [&](uint32_t i) {
    return i < kTile ? queries + (firstQuery + i) * p.d : base + (firstRow + i - kTile) * p.d;
  };
  if (threadIdx.x < 2 * kTile) {
    const uint32_t i = threadIdx.x;
    const bool isInside = i < kTile ? firstQuery + i < p.q : firstRow + i - kTile < p.n;
    sizes[i] = sizeOf(!isInside ? 1.0f
                      : cosine  ? squares
                                : 0.0f,
                      [&] {
                        float largest = 0.0f;
                        for (uint64_t at = 0; at < p.d; ++at) largest = fmaxf(largest, magnitude(rowOf(i)[at]));
                        return largest;
                      });
  }
  __syncthreads();
  eachBit(lost, [&](uint32_t query, uint32_t row) {
    const float a = sizes[query], b = sizes[kTile + row];
    float& score = to[uint64_t(query) * p.ldScores + row];
    if (isWorthCare(a) && isWorthCare(b))
      score = rescuedScore(rowOf(query), rowOf(kTile + row), p.d, a, b, cosine, 0, 1, [](float x) { return x; });
    else if (cosine)
      score = plainCosine(a, b);  // a product is what it is
  });
}

SWITCHYARD_KERNEL(search_scores, searchScoresKernel, kTileThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
