// Scores of four rows of the base at once, by a warp whose lanes stride along them. Sums run in the same order for
// every row, so equal rows score equally.
#pragma once
#include "rows.h"
#include "search.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kSearchThreads = 256, kSearchWarps = kSearchThreads / kWarp, kRowsAtOnce = 4;
static_assert(kSearchBlock % (kSearchWarps * kRowsAtOnce) == 0 && kScanQueries <= kSearchWarps,
              "a warp a query for the norms, whole groups of rows");

template <uint32_t kQueries>
struct RowSums {
  float score[kRowsAtOnce][kQueries] = {};
  float squares[kRowsAtOnce] = {};
  __device__ void add(uint32_t row, uint32_t query, uint32_t metric, float x, float y) {
    const float term = metric == kMetricL2 ? (x - y) * (x - y) : x * y;
    score[row][query] += term;
  }
};

// The largest magnitude of a row, by a warp.
template <class X>
__device__ inline float largestOf(const X& row, uint32_t d) {
  float largest = 0.0f;
  for (uint64_t i = threadIdx.x % kWarp; i < d; i += kWarp) largest = fmaxf(largest, magnitude(row[i]));
  return warpReduce(largest, Max());
}

// The squares of `count` queries, and for a cosine their sizes; a warp a query.
__device__ inline void measureQueries(const float* queries, uint32_t count, const SearchParams& p, float* squares,
                                      float* sizes) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  if (p.metric != kMetricCosine || warp >= count) return;
  const float* query = queries + warp * uint64_t(p.d);
  float own = 0.0f;
  for (uint64_t i = lane; i < p.d; i += kWarp) own += query[i] * query[i];
  own = warpReduce(own, Add());
  const float size = sizeOf(own, [&] { return largestOf(query, p.d); });
  if (lane == 0) squares[warp] = own, sizes[warp] = size;
}

// found[row][query] of the rows whose bits are set in `shown`, written by the first lane.
template <uint32_t kQueries, class X>
__device__ inline void scoreRows(float (&found)[kRowsAtOnce][kQueries], const float* queries, uint32_t count,
                                 const X (&rows)[kRowsAtOnce], uint32_t shown, const SearchParams& p, bool fours,
                                 const float* querySquares, const float* querySizes) {
  const uint32_t lane = threadIdx.x % kWarp;
  const bool cosine = p.metric == kMetricCosine;
  RowSums<kQueries> sums;
  if (fours) {
    for (uint64_t i = lane; i < p.d / 4; i += kWarp) {
      float4 y[kRowsAtOnce];
      SWITCHYARD_UNROLL
      for (uint32_t r = 0; r < kRowsAtOnce; ++r) y[r] = fourOf(rows[r], i);
      SWITCHYARD_UNROLL
      for (uint32_t r = 0; r < kRowsAtOnce; ++r)
        if (cosine) sums.squares[r] += y[r].x * y[r].x + y[r].y * y[r].y + (y[r].z * y[r].z + y[r].w * y[r].w);
      SWITCHYARD_UNROLL
      for (uint32_t q = 0; q < kQueries; ++q) {
        // past the last query: computed, never written
        const float4 x = fourOf(queries + (q < count ? q : 0) * uint64_t(p.d), i);
        SWITCHYARD_UNROLL
        for (uint32_t r = 0; r < kRowsAtOnce; ++r) {
          sums.add(r, q, p.metric, x.x, y[r].x), sums.add(r, q, p.metric, x.y, y[r].y);
          sums.add(r, q, p.metric, x.z, y[r].z), sums.add(r, q, p.metric, x.w, y[r].w);
        }
      }
    }
  } else {
    for (uint64_t i = lane; i < p.d; i += kWarp) {
      float y[kRowsAtOnce];
      SWITCHYARD_UNROLL
      for (uint32_t r = 0; r < kRowsAtOnce; ++r) y[r] = rows[r][i];
      SWITCHYARD_UNROLL
      for (uint32_t r = 0; r < kRowsAtOnce; ++r)
        if (cosine) sums.squares[r] += y[r] * y[r];
      SWITCHYARD_UNROLL
      for (uint32_t q = 0; q < kQueries; ++q) {
        const float x = queries[(q < count ? q : 0) * uint64_t(p.d) + i];
        SWITCHYARD_UNROLL
        for (uint32_t r = 0; r < kRowsAtOnce; ++r) sums.add(r, q, p.metric, x, y[r]);
      }
    }
  }
  SWITCHYARD_UNROLL
  for (uint32_t r = 0; r < kRowsAtOnce; ++r) {
    const float squares = cosine ? warpReduce(sums.squares[r], Add()) : 0.0f;
    uint32_t lost = 0;  // a bit for each query whose score is to be made again
    SWITCHYARD_UNROLL
    for (uint32_t q = 0; q < kQueries; ++q) {
      float score = warpReduce(sums.score[r][q], Add());
      if (q >= count || (shown >> r & 1) == 0) continue;  // alike for the whole warp
      const float ownQuery = cosine ? querySquares[q] : 0.0f;
      if (lostScore(p.metric, score, ownQuery, squares)) lost |= 1u << q;
      if (cosine) score = cosineOf(score, sqrtf(ownQuery), sqrtf(squares));
      if (lane == 0) found[r][q] = score;
    }
    if (lost == 0) continue;
    const float size = sizeOf(squares, [&] { return largestOf(rows[r], p.d); });
    for (uint32_t q = 0; lost >> q != 0; ++q) {
      if ((lost >> q & 1) == 0) continue;
      const float* query = queries + q * uint64_t(p.d);
      const float querySize = cosine ? querySizes[q] : largestOf(query, p.d);
      float score;
      if (isWorthCare(size) && isWorthCare(querySize))
        score = rescuedScore(query, rows[r], p.d, querySize, size, cosine, lane, kWarp,
                             [](float x) { return warpReduce(x, Add()); });
      else if (cosine)
        score = plainCosine(size, querySize);
      else
        continue;  // a product is what it is
      if (lane == 0) found[r][q] = score;
    }
  }
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
