// search_scan: scores of a few queries against a base in one reading of it: a warp takes four base rows at a time, for
// all queries. Sums run in the same order for every row, so equal rows score equally.
#include "rows.h"
#include "search.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kWarps = kThreads / kWarp, kRows = 4;  // rows of a warp at a time
static_assert(kScanRows % (kWarps * kRows) == 0 && kScanQueries <= kWarps,
              "a warp a query for the norms, whole groups of rows");

template <uint32_t kQueries>
struct ScanSums {
  float score[kRows][kQueries] = {};
  float squares[kRows] = {};
  __device__ void add(uint32_t row, uint32_t query, uint32_t metric, float x, float y) {
    const float term = metric == kMetricL2 ? (x - y) * (x - y) : x * y;
    score[row][query] += term;
  }
};

// One step of the scan: the same kWidth columns of four base rows and all queries.
template <uint32_t kQueries, class Vector, class Parts>
__device__ inline void scanColumns(ScanSums<kQueries>& sums, const float* const (&rows)[kRows], const float* queries,
                                   const SearchParams& p, uint64_t i, Parts parts) {
  Vector y[kRows];
  SWITCHYARD_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) y[r] = reinterpret_cast<const Vector*>(rows[r])[i];
  SWITCHYARD_UNROLL
  for (uint32_t r = 0; r < kRows; ++r)
    if (p.metric == kMetricCosine) parts(y[r], y[r], [&](float a, float b) { sums.squares[r] += a * b; });
  SWITCHYARD_UNROLL
  for (uint32_t q = 0; q < kQueries; ++q) {
    const uint64_t query = q < p.q ? q : 0;  // past the last query: computed, never written
    const Vector x = reinterpret_cast<const Vector*>(queries + query * p.d)[i];
    SWITCHYARD_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) parts(x, y[r], [&](float a, float b) { sums.add(r, q, p.metric, a, b); });
  }
}

template <uint32_t kQueries>
__global__ void __launch_bounds__(kThreads)
    searchScanKernel(const float* queries, const float* base, float* scores, SearchParams p) {
  __shared__ float querySquares[kWarps], querySizes[kWarps];
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const uint64_t blockRow = linearBlock() * kScanRows;
  if (blockRow >= p.n) return;
  if (p.metric == kMetricCosine && warp < p.q) {
    float squares = 0.0f;
    for (uint64_t i = lane; i < p.d; i += kWarp)
      squares += queries[warp * uint64_t(p.d) + i] * queries[warp * uint64_t(p.d) + i];
    squares = warpReduce(squares, Add());
    if (lane == 0) querySquares[warp] = squares;
  }
  __syncwarp();
  // The largest magnitude of a row, by a warp.
  const auto largestOf = [&](const float* row) {
    float largest = 0.0f;
    for (uint64_t i = lane; i < p.d; i += kWarp) largest = fmaxf(largest, magnitude(row[i]));
    return warpReduce(largest, Max());
  };
  const bool cosine = p.metric == kMetricCosine;
  if (cosine && warp < p.q) {
    const float size = sizeOf(querySquares[warp], [&] { return largestOf(queries + warp * uint64_t(p.d)); });
    if (lane == 0) querySizes[warp] = size;
  }
  __syncthreads();
  const bool vectors = p.d % 4 == 0 && aligned16(queries) && aligned16(base);
  for (uint64_t first = blockRow + warp * kRows; first < blockRow + kScanRows && first < p.n; first += kWarps * kRows) {
    const float* rows[kRows];
    SWITCHYARD_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) rows[r] = base + (first + r < p.n ? first + r : p.n - 1ull) * p.d;
    ScanSums<kQueries> sums;
    if (vectors) {
      for (uint64_t i = lane; i < p.d / 4; i += kWarp)
        scanColumns<kQueries, float4>(sums, rows, queries, p, i, [](float4 a, float4 b, auto f) {
          f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w);
        });
    } else {
      for (uint64_t i = lane; i < p.d; i += kWarp)
        scanColumns<kQueries, float>(sums, rows, queries, p, i, [](float a, float b, auto f) { f(a, b); });
    }
    SWITCHYARD_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      const float squares = cosine ? warpReduce(sums.squares[r], Add()) : 0.0f;
      uint32_t lost = 0;  // a bit for each query whose score is to be made again
      SWITCHYARD_UNROLL
      for (uint32_t q = 0; q < kQueries; ++q) {
        float score = warpReduce(sums.score[r][q], Add());
        if (q >= p.q || first + r >= p.n) continue;  // alike for the whole warp
        const float ownQuery = cosine ? querySquares[q] : 0.0f;
        if (lostScore(p.metric, score, ownQuery, squares)) lost |= 1u << q;
        if (cosine) score = cosineOf(score, sqrtf(ownQuery), sqrtf(squares));
        if (lane == 0) scores[q * uint64_t(p.ldScores) + p.firstColumn + first + r] = score;
      }
      if (lost == 0) continue;
      const float size = sizeOf(squares, [&] { return largestOf(rows[r]); });
      for (uint32_t q = 0; lost >> q != 0; ++q) {
        if ((lost >> q & 1) == 0) continue;
        const float* query = queries + q * uint64_t(p.d);
        const float querySize = cosine ? querySizes[q] : largestOf(query);
        float score;
        if (isWorthCare(size) && isWorthCare(querySize))
          score = rescuedScore(query, rows[r], p.d, querySize, size, cosine, lane, kWarp,
                               [](float x) { return warpReduce(x, Add()); });
        else if (cosine)
          score = plainCosine(size, querySize);
        else
          continue;  // a product is what it is
        if (lane == 0) scores[q * uint64_t(p.ldScores) + p.firstColumn + first + r] = score;
      }
    }
  }
}

SWITCHYARD_CHECK_CONTRACT(search_scan, searchScanKernel<1>);
static const CudaVariant& searchScanChoose(const void* params) {
  static const CudaVariant one = makeVariant(&searchScanKernel<1>, kThreads, 1);
  static const CudaVariant two = makeVariant(&searchScanKernel<2>, kThreads, 1);
  static const CudaVariant four = makeVariant(&searchScanKernel<4>, kThreads, 1);
  static const CudaVariant eight = makeVariant(&searchScanKernel<kScanQueries>, kThreads, 1);
  const uint32_t q = static_cast<const SearchParams*>(params)->q;
  return q <= 1 ? one : q <= 2 ? two : q <= 4 ? four : eight;
}
const CudaKernel cudaKernel_search_scan = {search_scanContract::kBuffers, uint32_t(sizeof(SearchParams)),
                                           searchScanChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
