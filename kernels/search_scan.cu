// search_scan: scores of a few queries against a base in one reading of it: a block of threads takes a block of rows, a
// warp four rows at a time, for all queries.
#include "search_rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kQueries, class Rows>
__global__ void __launch_bounds__(kSearchThreads)
    searchScanKernel(const float* queries, const void* base, const float* scales, const uint32_t* mask, float* scores,
                     SearchParams p) {
  SWITCHYARD_SHARED(float, querySquares, [kSearchWarps]);
  SWITCHYARD_SHARED(float, querySizes, [kSearchWarps]);
  SWITCHYARD_SHARED(float, found, [kSearchWarps][kRowsAtOnce][kQueries]);
  SWITCHYARD_SHARED(uint32_t, best, [kSearchWarps][kQueries]);
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const uint64_t block = linearBlock(), first = block * kSearchBlock;
  if (first >= p.n) return;
  measureQueries(queries, p.q, p, querySquares, querySizes);
  __syncthreads();
  const bool fours = hasFours(queries, base, p), byBlocks = (p.how & kSearchBlocks) != 0;
  const Ranking ranking(p);
  const Rows all(base, scales, p);
  uint32_t key = kMissingKey;  // of the query that is this lane's
  for (uint64_t row = first + warp * kRowsAtOnce; row < first + kSearchBlock && row < p.n;
       row += kSearchWarps * kRowsAtOnce) {
    const uint32_t shown = shownRows(p, mask, row, kRowsAtOnce);
    const auto at = [&](uint32_t r) { return all[row + r < p.n ? row + r : p.n - 1ull]; };
    const typename Rows::Row rows[kRowsAtOnce] = {at(0), at(1), at(2), at(3)};
    if (shown != 0) scoreRows(found[warp], queries, p.q, rows, shown, p, fours, querySquares, querySizes);
    __syncwarp();
    if (lane < p.q) {
      for (uint32_t r = 0; r < kRowsAtOnce && row + r < p.n; ++r) {
        const bool isShown = (shown >> r & 1) != 0;
        if (!byBlocks)
          scores[lane * uint64_t(p.ldScores) + p.firstColumn + row + r] =
              isShown ? ranking.rankedScore(found[warp][r][lane]) : quietNan();
        else if (isShown && ranking.key(found[warp][r][lane]) < key)
          key = ranking.key(found[warp][r][lane]);
      }
    }
    __syncwarp();
  }
  if (!byBlocks) return;
  if (lane < p.q) best[warp][lane] = key;
  __syncthreads();
  if (threadIdx.x >= p.q) return;
  for (uint32_t w = 0; w < kSearchWarps; ++w) key = best[w][threadIdx.x] < key ? best[w][threadIdx.x] : key;
  scores[threadIdx.x * uint64_t(p.ldScores) + p.firstColumn + block] = ranking.ranked(key);
}

SWITCHYARD_CHECK_CONTRACT(search_scan, (searchScanKernel<1, PlainRows>));

template <class Rows>
static const CudaVariant& scanVariant(uint32_t q) {
  static const CudaVariant one = makeVariant(&searchScanKernel<1, Rows>, kSearchThreads, 1);
  static const CudaVariant two = makeVariant(&searchScanKernel<2, Rows>, kSearchThreads, 1);
  static const CudaVariant four = makeVariant(&searchScanKernel<4, Rows>, kSearchThreads, 1);
  static const CudaVariant eight = makeVariant(&searchScanKernel<kScanQueries, Rows>, kSearchThreads, 1);
  return q <= 1 ? one : q <= 2 ? two : q <= 4 ? four : eight;
}
static const CudaVariant& searchScanChoose(const void* params) {
  const auto& p = *static_cast<const SearchParams*>(params);
  return p.base == kFormatFloat32 ? scanVariant<PlainRows>(p.q) : scanVariant<AnyRows>(p.q);
}
const CudaKernel cudaKernel_search_scan = {search_scanContract::kBuffers, uint32_t(sizeof(SearchParams)),
                                           searchScanChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
