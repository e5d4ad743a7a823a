// search_listed: scores of the rows that each query's own list names: of whole blocks, one a block of threads, or of
// kSearchBlock single rows.
#include "search_rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// The place of an entry in the order of rows, by a warp. Entries of nothing come last.
__device__ inline uint32_t placeOf(const uint32_t* list, uint32_t listed, uint32_t entry) {
  const uint32_t own = list[entry];
  uint32_t before = 0;
  for (uint32_t i = threadIdx.x % kWarp; i < listed; i += kWarp)
    if (list[i] < own || (list[i] == own && i < entry)) ++before;
  for (uint32_t offset = kWarp / 2; offset > 0; offset /= 2) before += __shfl_xor_sync(kAllLanes, before, int(offset));
  return before;
}

template <class Rows>
__global__ void __launch_bounds__(kSearchThreads)
    searchListedKernel(const float* queries, const void* base, const float* scales, const uint32_t* mask,
                       const uint32_t* lists, float* scores, uint32_t* sorted, SearchParams p) {
  SWITCHYARD_SHARED(float, querySquares, [kSearchWarps]);
  SWITCHYARD_SHARED(float, querySizes, [kSearchWarps]);
  SWITCHYARD_SHARED(float, found, [kSearchWarps][kRowsAtOnce][1]);
  const bool byRows = (p.how & kSearchRows) != 0;
  const uint64_t groups = byRows ? (uint64_t(p.listed) + kSearchBlock - 1) / kSearchBlock : p.listed;
  const uint64_t query = linearBlock() / groups, group = linearBlock() % groups;
  if (query >= p.q) return;
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const uint32_t* list = lists + query * p.listed;
  const uint64_t firstBlock = p.firstRow / kSearchBlock;
  // A block that lies in another piece of the base.
  if (!byRows && (list[group] < firstBlock || (list[group] - firstBlock) * kSearchBlock >= p.n)) return;
  const float* own = queries + query * p.d;
  measureQueries(own, 1, p, querySquares, querySizes);
  __syncthreads();
  const bool fours = hasFours(queries, base, p);
  const Ranking ranking(p);
  const Rows all(base, scales, p);
  float* to = scores + query * p.ldScores;
  const uint32_t blockPlace = byRows ? 0 : placeOf(list, p.listed, uint32_t(group));
  if (!byRows && threadIdx.x == 0) sorted[query * p.listed + blockPlace] = list[group];
  for (uint32_t i = warp * kRowsAtOnce; i < kSearchBlock; i += kSearchWarps * kRowsAtOnce) {
    uint64_t row[kRowsAtOnce];
    uint32_t shown = 0, written = 0;
    for (uint32_t r = 0; r < kRowsAtOnce; ++r) {
      const uint64_t entry = group * kSearchBlock + i + r;
      const bool isEntry = !byRows || entry < p.listed;
      const uint32_t whole = byRows && isEntry ? list[entry] : 0;
      row[r] = byRows ? uint64_t(whole) - p.firstRow : (list[group] - firstBlock) * kSearchBlock + i + r;
      const bool isInside = isEntry && (!byRows || (whole >= p.firstRow && whole != kNoEntry)) && row[r] < p.n;
      const bool isShown = isInside && (byRows || !isHidden(p, mask, row[r]));
      if (isShown) shown |= 1u << r;
      if (isEntry && (!byRows || isInside || (whole == kNoEntry && p.firstRow == 0))) written |= 1u << r;
      if (!isShown) row[r] = 0;
    }
    if (written == 0) continue;
    const typename Rows::Row rows[kRowsAtOnce] = {all[row[0]], all[row[1]], all[row[2]], all[row[3]]};
    if (shown != 0) scoreRows(found[warp], own, 1, rows, shown, p, fours, querySquares, querySizes);
    __syncwarp();
    for (uint32_t r = 0; r < kRowsAtOnce; ++r) {
      if ((written >> r & 1) == 0) continue;
      const uint32_t entry = uint32_t(group * kSearchBlock + i + r);
      const uint32_t place = byRows ? placeOf(list, p.listed, entry) : blockPlace * kSearchBlock + i + r;
      if (lane != 0) continue;
      to[place] = (shown >> r & 1) != 0 ? ranking.rankedScore(found[warp][r][0]) : quietNan();
      if (byRows) sorted[query * p.listed + place] = list[entry];
    }
    __syncwarp();
  }
}

SWITCHYARD_CHECK_CONTRACT(search_listed, searchListedKernel<PlainRows>);
static const CudaVariant& searchListedChoose(const void* params) {
  static const CudaVariant plain = makeVariant(&searchListedKernel<PlainRows>, kSearchThreads, 1);
  static const CudaVariant any = makeVariant(&searchListedKernel<AnyRows>, kSearchThreads, 1);
  return static_cast<const SearchParams*>(params)->base == kFormatFloat32 ? plain : any;
}
const CudaKernel cudaKernel_search_listed = {search_listedContract::kBuffers, uint32_t(sizeof(SearchParams)),
                                             searchListedChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
