// search_scores: scores of many queries against a base, a tile of 64 queries and a block of 64 rows a block of threads.
// Each score sums along d in order, wherever it lies, so equal rows score equally.
#include "search_tensor.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

static_assert(kTile == kSearchTile && kTile == kSearchBlock, "the launch counts tiles");

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

// The same as loadSlice(), of 16 bytes a thread; `d` is a multiple of 4.
template <class F>
__device__ inline void loadFours(Slice& slice, uint64_t firstRow, uint64_t rows, uint64_t firstDepth, uint64_t d,
                                 F fourAt) {
  const uint32_t row = threadIdx.x / 4, depth = threadIdx.x % 4 * 4;
  float4 v = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
  if (firstRow + row < rows && firstDepth + depth < d) v = fourAt(firstRow + row, (firstDepth + depth) / 4);
  slice.at[depth][row] = v.x, slice.at[depth + 1][row] = v.y;
  slice.at[depth + 2][row] = v.z, slice.at[depth + 3][row] = v.w;
}
static_assert(kTile * kSlice == 4 * kTileThreads, "one load a thread");

template <class Rows>
__global__ void __launch_bounds__(kTileThreads, 2)
    searchScoresKernel(const float* queries, const void* base, const float* scales, const uint32_t* mask, float* scores,
                       SearchParams p) {
  SWITCHYARD_SHARED(Slice, queryPart);
  SWITCHYARD_SHARED(Slice, basePart);
  SWITCHYARD_SHARED(float, allSquares, [2 * kTile]);
  SWITCHYARD_SHARED(uint32_t, anyLost);
  SWITCHYARD_SHARED(float, sizes, [2 * kTile]);
  SWITCHYARD_SHARED(float, found, [kTile][kTile + 1]);
  SWITCHYARD_SHARED(bool, shown, [kTile]);
  const uint64_t queryTiles = (uint64_t(p.q) + kTile - 1) / kTile;
  const uint64_t block = linearBlock() / queryTiles, firstRow = block * kTile;
  const uint64_t firstQuery = linearBlock() % queryTiles * kTile;
  if (firstRow >= p.n) return;
  if (threadIdx.x < kTile)
    shown[threadIdx.x] = firstRow + threadIdx.x < p.n && !isHidden(p, mask, firstRow + threadIdx.x);
  const bool isAnyShown = anyInBlock(threadIdx.x < kTile && shown[threadIdx.x], anyLost);
  const Rows all(base, scales, p);
  const bool fours = hasFours(queries, base, p), cosine = p.metric == kMetricCosine;
  float results[kPerThread][kPerThread] = {};
  float squares = 0.0f;
  for (uint64_t depth = 0; isAnyShown && depth < p.d; depth += kSlice) {
    if (fours) {
      loadFours(queryPart, firstQuery, p.q, depth, p.d,
                [&](uint64_t row, uint64_t quad) { return fourOf(queries + row * p.d, quad); });
      loadFours(basePart, firstRow, p.n, depth, p.d,
                [&](uint64_t row, uint64_t quad) { return fourOf(all[row], quad); });
    } else {
      loadSlice(queryPart, queries, firstQuery, p.q, depth, p.d, p.d, false);
      loadSlice(basePart, firstRow, p.n, depth, p.d, false, [&](uint64_t row, uint64_t k) { return all[row][k]; });
    }
    __syncthreads();
    if (p.metric == kMetricL2) {
      accumulate(results, queryPart, basePart, [](float sum, float x, float y) { return sum + (x - y) * (x - y); });
    } else {
      accumulate(results, queryPart, basePart, [](float sum, float x, float y) { return sum + x * y; });
      if (cosine) squares = addSquares(squares, queryPart, basePart);
    }
    __syncthreads();
  }
  if (threadIdx.x < 2 * kTile) allSquares[threadIdx.x] = squares;
  __syncthreads();
  uint32_t lost = 0;  // a bit for each result that is to be made again
  eachResult(results, firstQuery, p.q, firstRow, p.n, [&](uint32_t query, uint32_t row, float score) {
    const float ownQuery = allSquares[query], ownRow = allSquares[kTile + row];
    if (shown[row] && lostScore(p.metric, score, ownQuery, ownRow)) lost |= bitOfResult(query, row);
    if (cosine) score = cosineOf(score, sqrtf(ownQuery), sqrtf(ownRow));
    found[query][row] = score;
  });
  if (anyInBlock(lost, anyLost)) {
    const auto largest = [&](const auto& row) {
      float most = 0.0f;
      for (uint64_t at = 0; at < p.d; ++at) most = fmaxf(most, magnitude(row[at]));
      return most;
    };
    if (threadIdx.x < 2 * kTile) {
      const uint32_t i = threadIdx.x;
      const bool isInside = i < kTile ? firstQuery + i < p.q : firstRow + i - kTile < p.n;
      sizes[i] = sizeOf(
          !isInside ? 1.0f
          : cosine  ? squares
                    : 0.0f,
          [&] { return i < kTile ? largest(queries + (firstQuery + i) * p.d) : largest(all[firstRow + i - kTile]); });
    }
    __syncthreads();
    eachBit(lost, [&](uint32_t query, uint32_t row) {
      const float a = sizes[query], b = sizes[kTile + row];
      if (isWorthCare(a) && isWorthCare(b))
        found[query][row] = rescuedScore(queries + (firstQuery + query) * p.d, all[firstRow + row], p.d, a, b, cosine,
                                         0, 1, [](float x) { return x; });
      else if (cosine)
        found[query][row] = plainCosine(a, b);  // a product is what it is
    });
  }
  __syncthreads();
  const Ranking ranking(p);
  float* to = scores + firstQuery * p.ldScores + p.firstColumn;
  if (p.how & kSearchBlocks) {
    constexpr uint32_t kParts = kTileThreads / kTile;  // threads that share a query
    const uint32_t query = threadIdx.x / kParts;
    uint32_t key = kMissingKey;
    for (uint32_t row = threadIdx.x % kParts; row < kTile; row += kParts)
      if (shown[row] && ranking.key(found[query][row]) < key) key = ranking.key(found[query][row]);
    for (uint32_t step = kParts / 2; step > 0; step /= 2) {
      const uint32_t other = __shfl_xor_sync(kAllLanes, key, int(step));
      key = other < key ? other : key;
    }
    if (threadIdx.x % kParts == 0 && firstQuery + query < p.q)
      to[query * uint64_t(p.ldScores) + block] = ranking.ranked(key);
    return;
  }
  for (uint32_t i = threadIdx.x; i < kTile * kTile; i += kTileThreads) {
    const uint32_t query = i / kTile, row = i % kTile;
    if (firstQuery + query < p.q && firstRow + row < p.n)
      to[query * uint64_t(p.ldScores) + firstRow + row] =
          shown[row] ? ranking.rankedScore(found[query][row]) : quietNan();
  }
}

// The best of blocks alone, where the card has tensor cores (SearchParams.how).
template <uint32_t kBase, bool kFast>
__global__ void __launch_bounds__(kSearchThreads, 1)  // for two the compiler puts registers into memory
    searchTensorKernel(const float* queries, const void* base, const float* scales, const uint32_t* mask, float* scores,
                       SearchParams p) {
#ifdef SWITCHYARD_HAS_MMA
  const uint64_t queryTiles = (uint64_t(p.q) + kSearchTile - 1) / kSearchTile;
  const uint64_t tiles = (uint64_t(p.n) + kTensorRows - 1) / kTensorRows * queryTiles;
  // There may be more tiles than blocks, since units are counted by 64 rows.
  for (uint64_t tile = linearBlock(); tile < tiles; tile += uint64_t(gridDim.x) * gridDim.y)
    bestOfBlocks<typename TensorBaseOf<kBase, kFast>::Type>(
        queries, base, scales, mask, scores, p, tile / queryTiles * kTensorRows, tile % queryTiles * kSearchTile);
#else
  __trap();  // a launch without what it is for (hasTensorCores) is to be heard of
#endif
}

SWITCHYARD_CHECK_CONTRACT(search_scores, searchScoresKernel<PlainRows>);
SWITCHYARD_CHECK_CONTRACT(search_scores, (searchTensorKernel<kFormatFloat32, false>));

template <uint32_t kBase, bool kFast = false>
static const CudaVariant& tensorVariant() {
  static const CudaVariant variant =
      makeVariant(&searchTensorKernel<kBase, kFast>, kSearchThreads, kTensorRows / kSearchBlock);
  return variant;
}
static const CudaVariant& searchScoresChoose(const void* params) {
  static const CudaVariant plain = makeVariant(&searchScoresKernel<PlainRows>, kTileThreads, 1);
  static const CudaVariant any = makeVariant(&searchScoresKernel<AnyRows>, kTileThreads, 1);
  const auto& p = *static_cast<const SearchParams*>(params);
  if (!suitsTensorCores(p)) return p.base == kFormatFloat32 ? plain : any;
  switch (p.base) {
    case kFormatFloat16: return tensorVariant<kFormatFloat16>();
    case kFormatBfloat16: return tensorVariant<kFormatBfloat16>();
    case kElementInt8: return tensorVariant<kElementInt8>();
    default: return p.how & kSearchFast ? tensorVariant<kFormatFloat32, true>() : tensorVariant<kFormatFloat32>();
  }
}
const CudaKernel cudaKernel_search_scores = {search_scoresContract::kBuffers, uint32_t(sizeof(SearchParams)),
                                             searchScoresChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
