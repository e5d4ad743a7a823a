// The best score of each block of 64 rows for 64 queries at a time, on tensor cores. These scores only say which blocks
// are looked at again (search_on_device.cpp). Their factors are as near as float32's, their sums are not: each step is
// rounded towards zero, so of 768 depths a sum is off by 3 to 4 millionths of |q| |b|, and float32's by 0.2.
//
// A warp has 32 rows of the base, which go from global memory into its registers as fragments, once, and from there
// meet all queries. Sums run over any order of the depths that both sides agree on: so a lane takes 16 or 32 bytes of a
// row that lie side by side, of which each product of 16 depths has four elements. Queries are float32 and become sums
// of halves in shared memory; so does a float32 base in registers. Of two sums of three bfloat16 the six products that
// float32 would notice are made, with `fast` those three of sums of two. Codes are exact as float16. A query for
// float16 is brought near 2^8 first, by its own first elements, so that others may be some hundred times as large, and
// those that are as many thousand times smaller keep their digits.
#pragma once
#include "search_halves.h"
#include "search_rows.h"
#include "tile.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kTensorWarps = 8, kTensorRows = 32 * kTensorWarps;  // of the base, a block of threads
constexpr uint32_t kTensorDepths = 32;                                 // at a time, 8 of them a lane's
constexpr uint32_t kQueryTiles = kSearchTile / 8;
static_assert(kTensorWarps * kWarp == kSearchThreads && 4 * kSearchTile == kSearchThreads, "a query is four threads'");
constexpr float kFirstSize = 256.0f;          // of a query's first elements, as float16
constexpr uint32_t kMostTensorCodes = 65536;  // of a row: their squares fit an int32

// Whether rows are of whole 16 bytes a lane, and the sums are products.
inline bool suitsTensorCores(const SearchParams& p) {
  const uint32_t wanted = kSearchTensorCores | kSearchBlocks;
  if ((p.how & wanted) != wanted || p.metric == kMetricL2) return false;
  return p.base == kElementInt8 ? p.d % 16 == 0 && p.d <= kMostTensorCodes : p.d % 8 == 0;
}

#ifdef SWITCHYARD_HAS_MMA
// What is known of a query at the end.
struct QueryFacts {
  float squares, back;  // of the query as it is; by what its sums are multiplied
  float most;           // the largest magnitude that became halves: 0 of a zero vector alone
};

// The queries of a tile on their way to halves. Four threads have a query, each 8 of its next 32 depths.
template <class Base>
class QueryStage {
 public:
  // [query][depth]: a fragment of 8 queries is 16 bytes a lane, one after the other
  struct alignas(16) Planes {
    Words at[Base::kQueryPlanes][kSearchTile][kTensorDepths / 8];
  };
  struct Shared {
    float4 raw[2][kSearchThreads];  // each thread's own
    Planes planes[2];
    QueryFacts facts[kSearchTile];
  };

  __device__ QueryStage(Shared& shared, const float* queries, uint32_t count, uint32_t d)
      : shared_(shared), d_(d), isThere_(threadIdx.x / 4 < count), query_(queries + threadIdx.x / 4 * uint64_t(d)) {}

  // Of the depths that lanes take of a row in one chunk, those of the lane that is `quarter` of four.
  static __device__ uint64_t depthOf(uint32_t chunk, uint32_t quarter) {
    constexpr uint32_t kChunks = Base::kChunks;
    return (uint64_t(chunk / kChunks) * 4 + quarter) * 8 * kChunks + chunk % kChunks * 8;
  }
  __device__ void fetch(uint32_t chunk) {
    const uint64_t depth = depthOf(chunk, threadIdx.x % 4);
    const bool isInside = isThere_ && depth < d_;
    for (uint32_t i = 0; i < 2; ++i)
      copies_.copy(&shared_.raw[i][threadIdx.x], isInside ? query_ + depth + 4 * i : query_, isInside);
  }
  // What was fetched becomes halves; all threads see them after the next barrier. The first is chunk 0.
  __device__ void split(uint32_t chunk) {
    copies_.wait();
    float4 x[2] = {shared_.raw[0][threadIdx.x], shared_.raw[1][threadIdx.x]};
    if (!Base::kBfloat && chunk == 0) {
      float first = sizeOfEight(x);
      for (uint32_t step = 1; step < 4; step *= 2) first = fmaxf(first, __shfl_xor_sync(kAllLanes, first, int(step)));
      if (isWorthCare(first)) by_ = towardsOne(first / kFirstSize);
    }
    Words planes[Base::kQueryPlanes];
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 2; ++i) {
      squares_ += x[i].x * x[i].x + x[i].y * x[i].y + (x[i].z * x[i].z + x[i].w * x[i].w);
      x[i].x *= by_, x[i].y *= by_, x[i].z *= by_, x[i].w *= by_;
    }
    most_ = fmaxf(most_, sizeOfEight(x));
    SWITCHYARD_UNROLL
    for (uint32_t plane = 0; plane < Base::kQueryPlanes; ++plane) {
      SWITCHYARD_UNROLL
      for (uint32_t i = 0; i < 2; ++i) {
        planes[plane].at[2 * i] = takePair<Base::kBfloat>(x[i].x, x[i].y);
        planes[plane].at[2 * i + 1] = takePair<Base::kBfloat>(x[i].z, x[i].w);
      }
    }
    SWITCHYARD_UNROLL
    for (uint32_t plane = 0; plane < Base::kQueryPlanes; ++plane)
      shared_.planes[chunk % 2].at[plane][threadIdx.x / 4][threadIdx.x % 4] = planes[plane];
  }
  __device__ void finish() {
    copies_.wait();  // what lies past the last depth, before another tile's first takes its place
    for (uint32_t step = 1; step < 4; step *= 2) {
      squares_ += __shfl_xor_sync(kAllLanes, squares_, int(step));
      most_ = fmaxf(most_, __shfl_xor_sync(kAllLanes, most_, int(step)));
    }
    if (threadIdx.x % 4 == 0) shared_.facts[threadIdx.x / 4] = {squares_, 1.0f / by_, most_};
  }
  // Of float16 what is far below 1 has no second half, and little of a first: digits of the query are lost, as its
  // first elements said nothing of its others.
  static __device__ bool isPoor(const QueryFacts& facts) {
    return !Base::kBfloat && facts.most != 0.0f && facts.most < 1.0f;
  }

 private:
  static __device__ float sizeOfEight(const float4 (&x)[2]) {
    const float a = fmaxf(fmaxf(magnitude(x[0].x), magnitude(x[0].y)), fmaxf(magnitude(x[0].z), magnitude(x[0].w)));
    const float b = fmaxf(fmaxf(magnitude(x[1].x), magnitude(x[1].y)), fmaxf(magnitude(x[1].z), magnitude(x[1].w)));
    return fmaxf(a, b);
  }

  Shared& shared_;
  const uint32_t d_;
  const bool isThere_;
  const float* const query_;
  AsyncCopies copies_;
  float by_ = Base::kBfloat ? 1.0f : kFirstSize, squares_ = 0.0f, most_ = 0.0f;
};

// Whether there is anything in a row whose squares are 0: 0 if not, in what this lane takes of it. It is seldom asked
// for, and not to keep places in registers.
template <class Base>
__attribute__((noinline)) __device__ uint32_t bitsOfRow(const void* base, uint64_t row, uint32_t d) {
  const char* const from = static_cast<const char*>(base) + row * d * Base::kElementBytes;
  uint32_t bits = 0;
  for (uint64_t depth = threadIdx.x % 4 * 8; depth < d; depth += 4 * 8)
    bits |= Base::bits(*reinterpret_cast<const typename Base::Raw*>(from + depth * Base::kElementBytes));
  return bits;
}

// A score as search_listed makes it, by a warp. It is seldom asked for, and not to take the others' registers.
__attribute__((noinline)) __device__ inline float carefulScore(const float* query, const void* base,
                                                               const float* scales, uint64_t row, const SearchParams& p,
                                                               float (&found)[kRowsAtOnce][1]) {
  const uint32_t lane = threadIdx.x % kWarp;
  float squares = 0.0f, size = 0.0f;
  if (p.metric == kMetricCosine) {
    for (uint64_t i = lane; i < p.d; i += kWarp) squares += query[i] * query[i];
    squares = warpReduce(squares, Add());
    size = sizeOf(squares, [&] { return largestOf(query, p.d); });
  }
  const BaseRow own(base, scales, p, row);
  const BaseRow rows[kRowsAtOnce] = {own, own, own, own};
  scoreRows(found, query, 1, rows, 1, p, true, &squares, &size);
  __syncwarp();
  const float score = found[0][0];
  __syncwarp();
  return score;
}

// One block of threads: the tile of queries and the rows from `firstRow` on.
template <class Base>
__device__ inline void bestOfBlocks(const float* queries, const void* base, const float* scales, const uint32_t* mask,
                                    float* scores, const SearchParams& p, uint64_t firstRow, uint64_t firstQuery) {
  using Stage = QueryStage<Base>;
  SWITCHYARD_SHARED(typename Stage::Shared, shared);
  SWITCHYARD_SHARED(uint32_t, anyShown);
  SWITCHYARD_SHARED(uint32_t, best, [kTensorWarps][kSearchTile]);
  SWITCHYARD_SHARED(float, found, [kTensorWarps][kRowsAtOnce][1]);
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, group = lane / 4, quarter = lane % 4;
  const uint32_t count = p.q - firstQuery < kSearchTile ? uint32_t(p.q - firstQuery) : kSearchTile;
  const uint32_t allChunks =
      (p.d + kTensorDepths * Base::kChunks - 1) / (kTensorDepths * Base::kChunks) * Base::kChunks;
  const float* const tile = queries + firstQuery * p.d;
  const uint64_t ownRow = firstRow + warp * 32 + group;  // and those 8, 16 and 24 after it
  uint32_t shown = 0;
  SWITCHYARD_UNROLL
  for (uint32_t r = 0; r < 4; ++r)
    if (ownRow + 8 * r < p.n && !isHidden(p, mask, ownRow + 8 * r)) shown |= 1u << r;
  const uint32_t chunks = anyInBlock(shown, anyShown) ? allChunks : 0;
  const uint64_t rowBytes = uint64_t(p.d) * Base::kElementBytes;
  const char* const from = static_cast<const char*>(base) + ownRow * rowBytes;

  Stage stage(shared, tile, count, p.d);
  using Raw = typename Base::Raw;
  Raw now[4], next[4];
  const auto load = [&](Raw(&to)[4], uint32_t chunk) {
    const uint64_t depth = Stage::depthOf(chunk, quarter);
    SWITCHYARD_UNROLL
    for (uint32_t r = 0; r < 4; ++r) {
      to[r] = Raw{};
      if ((shown >> r & 1) != 0 && depth < p.d)
        to[r] = *reinterpret_cast<const Raw*>(from + 8 * r * rowBytes + depth * Base::kElementBytes);
    }
  };
  float sums[2][kQueryTiles][4] = {};
  typename Base::Sum squares[4] = {};
  stage.fetch(0);
  load(now, 0);
  stage.split(0);
  stage.fetch(1);
  __syncthreads();
  for (uint32_t first = 0; first < chunks; first += Base::kChunks) {
    load(next, first + Base::kChunks);  // past the end: nothing is read
    if (p.metric == kMetricCosine) {
      SWITCHYARD_UNROLL
      for (uint32_t r = 0; r < 4; ++r) squares[r] = Base::squares(now[r], squares[r]);
    }
    for (uint32_t chunk = first; chunk < first + Base::kChunks; ++chunk) {
      stage.split(chunk + 1);
      stage.fetch(chunk + 2);
      uint32_t rows[4][Base::kPlanes][4];
      SWITCHYARD_UNROLL
      for (uint32_t r = 0; r < 4; ++r) Base::takeFragments(now[r], rows[r]);
      const typename Stage::Planes& planes = shared.planes[chunk % 2];
      SWITCHYARD_UNROLL
      for (uint32_t n = 0; n < kQueryTiles; ++n) {
        if (n * 8 >= count) continue;
        SWITCHYARD_UNROLL
        for (uint32_t b = 0; b < Base::kQueryPlanes; ++b) {
          const Words right = planes.at[b][n * 8 + group][quarter];
          SWITCHYARD_UNROLL
          for (uint32_t i = 0; i < 4 * Base::kPlanes; ++i) {
            const uint32_t a = i / 4, m = i / 2 % 2, step = i % 2 * 2;
            if (a + b >= Base::kTerms) continue;
            const uint32_t left[4] = {rows[2 * m][a][step], rows[2 * m + 1][a][step], rows[2 * m][a][step + 1],
                                      rows[2 * m + 1][a][step + 1]};
            multiplyAdd<Base::kBfloat>(sums[m][n], left, right.at[step], right.at[step + 1]);
          }
        }
      }
      __syncthreads();
    }
    SWITCHYARD_UNROLL
    for (uint32_t r = 0; r < 4; ++r) now[r] = next[r];
  }
  stage.finish();
  const bool cosine = p.metric == kMetricCosine;
  float rowSquares[4], rowScales[4];
  uint32_t nothing = 0;  // a bit for each row that is a zero vector, whose cosine is 0: rows may well be many of those
  SWITCHYARD_UNROLL
  for (uint32_t r = 0; r < 4; ++r) {
    typename Base::Sum sum = squares[r];
    for (uint32_t step = 1; step < 4; step *= 2) sum += __shfl_xor_sync(kAllLanes, sum, int(step));
    rowScales[r] = p.base == kElementInt8 && (shown >> r & 1) != 0 ? scales[ownRow + 8 * r] : 1.0f;
    rowSquares[r] = float(sum) * rowScales[r] * rowScales[r];
    uint32_t bits = sum != 0;
    if (Base::kSquaresVanish) {
      if (bits == 0 && cosine && (shown >> r & 1) != 0) bits = bitsOfRow<Base>(base, ownRow + 8 * r, p.d);
      for (uint32_t step = 1; step < 4; step *= 2) bits |= __shfl_xor_sync(kAllLanes, bits, int(step));
    }
    if (rowScales[r] == 0.0f || (bits == 0 && isFinite(rowScales[r]))) nothing |= 1u << r;
  }
  __syncthreads();
  const Ranking ranking(p);
  uint32_t keys[kQueryTiles][2];
  uint64_t lost = 0;  // a bit for each of this lane's sums that is to be made again
  SWITCHYARD_UNROLL
  for (uint32_t n = 0; n < kQueryTiles; ++n) {
    SWITCHYARD_UNROLL
    for (uint32_t j = 0; j < 2; ++j) {
      keys[n][j] = kMissingKey;
      const uint32_t query = n * 8 + quarter * 2 + j;
      const QueryFacts facts = shared.facts[query];
      SWITCHYARD_UNROLL
      for (uint32_t r = 0; r < 4; ++r) {
        if (query >= count || (shown >> r & 1) == 0) continue;
        const float product = sums[r / 2][n][r % 2 * 2 + j] * facts.back * rowScales[r];
        const bool isNothing = cosine && (facts.most == 0.0f || (nothing >> r & 1) != 0);
        if (!isNothing && (Stage::isPoor(facts) || !isFinite(product) ||
                           lostScore(p.metric, product, facts.squares, rowSquares[r]))) {
          lost |= uint64_t(1) << (n * 8 + j * 4 + r);
          continue;
        }
        const uint32_t key = ranking.key(isNothing ? 0.0f
                                         : cosine  ? cosineOf(product, sqrtf(facts.squares), sqrtf(rowSquares[r]))
                                                   : product);
        keys[n][j] = key < keys[n][j] ? key : keys[n][j];
      }
    }
  }
  uint32_t any = uint32_t(lost) | uint32_t(lost >> 32);
  for (uint32_t step = 1; step < kWarp; step *= 2) any |= __shfl_xor_sync(kAllLanes, any, int(step));
  for (uint32_t of = 0; any != 0 && of < kWarp; ++of) {  // whose sums the warp makes again
    const uint32_t halves[2] = {uint32_t(__shfl_sync(kAllLanes, uint32_t(lost), int(of))),
                                uint32_t(__shfl_sync(kAllLanes, uint32_t(lost >> 32), int(of)))};
    for (uint32_t i = 0; i < 64; ++i) {
      if ((halves[i / 32] >> i % 32 & 1) == 0) continue;
      const uint32_t n = i / 8, j = i / 4 % 2, r = i % 4;
      const float score = carefulScore(tile + (n * 8 + of % 4 * 2 + j) * uint64_t(p.d), base, scales,
                                       firstRow + warp * 32 + of / 4 + 8 * r, p, found[warp]);
      const uint32_t key = ranking.key(score);
      SWITCHYARD_UNROLL
      for (uint32_t at = 0; at < 2 * kQueryTiles; ++at)
        if (lane == of && at == i / 4 && key < keys[at / 2][at % 2]) keys[at / 2][at % 2] = key;
    }
  }
  SWITCHYARD_UNROLL
  for (uint32_t n = 0; n < kQueryTiles; ++n) {
    SWITCHYARD_UNROLL
    for (uint32_t j = 0; j < 2; ++j) {
      uint32_t key = keys[n][j];
      for (uint32_t step = 4; step < kWarp; step *= 2) {
        const uint32_t other = __shfl_xor_sync(kAllLanes, key, int(step));
        key = other < key ? other : key;
      }
      if (group == 0) best[warp][n * 8 + quarter * 2 + j] = key;
    }
  }
  __syncthreads();
  const uint32_t query = threadIdx.x % kSearchTile, block = threadIdx.x / kSearchTile;
  const uint32_t a = best[2 * block][query], b = best[2 * block + 1][query];
  if (query < count && firstRow + block * kSearchBlock < p.n)
    scores[(firstQuery + query) * p.ldScores + p.firstColumn + firstRow / kSearchBlock + block] =
        ranking.ranked(a < b ? a : b);
  __syncthreads();  // the next tile's first copies
}
#endif

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
