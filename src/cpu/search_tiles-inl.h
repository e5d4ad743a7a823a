// Scores of float32 rows against many queries, which lie side by side in vectors, so that each base element is
// broadcast to all of them. Built once for each instruction set.
#if defined(SWITCHYARD_CPU_SEARCH_TILES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_SEARCH_TILES_INL_H
#undef SWITCHYARD_CPU_SEARCH_TILES_INL_H
#else
#define SWITCHYARD_CPU_SEARCH_TILES_INL_H
#endif

#include "cpu/search_scores-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

#if HWY_TARGET <= HWY_AVX3
constexpr size_t kTileVectors = 4, kTileRows = 6;  // 24 sums, 4 vectors of queries and a broadcast in 32 registers
#elif HWY_TARGET <= HWY_AVX2
constexpr size_t kTileVectors = 2, kTileRows = 6;  // 12 sums in 16 registers
#else
constexpr size_t kTileVectors = 2, kTileRows = 4;
#endif

// R rows against V vectors of queries: scores[row * lanes + query].
template <size_t R, size_t V, bool kL2>
HWY_INLINE void tile(const SearchGroup& group, size_t firstLane, const float* rows, const float* factors,
                     float* scores) {
  const size_t d = group.d, lanes = group.lanes;
  Vec total[R][V];
  unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
    unroll<V>([&](auto v) SWITCHYARD_INLINE_LAMBDA { total[r][v] = hn::Zero(kF); });
  });
  for (size_t at = 0; at < d; at += kSumLength) {
    const size_t end = HWY_MIN(d, at + kSumLength);
    Vec sum[R][V];
    unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
      unroll<V>([&](auto v) SWITCHYARD_INLINE_LAMBDA { sum[r][v] = hn::Zero(kF); });
    });
    const float* panel = group.queries + at * lanes + firstLane;
    for (size_t i = at; i < end; ++i, panel += lanes) {
      hwy::Prefetch(rows + R * (d + i));  // the next tile: this one alone would wait for memory at its start
      Vec query[V];
      unroll<V>([&](auto v) SWITCHYARD_INLINE_LAMBDA { query[v] = hn::Load(kF, panel + v * kLanes); });
      unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
        const Vec x = hn::Set(kF, rows[r * d + i]);
        unroll<V>([&](auto v) SWITCHYARD_INLINE_LAMBDA { sum[r][v] = accumulate<kL2>(sum[r][v], query[v], x); });
      });
    }
    unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
      unroll<V>([&](auto v) SWITCHYARD_INLINE_LAMBDA { total[r][v] = hn::Add(total[r][v], sum[r][v]); });
    });
  }
  unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
    unroll<V>([&](auto v) SWITCHYARD_INLINE_LAMBDA {
      hn::Store(hn::Mul(total[r][v], hn::Set(kF, factors[r])), kF, scores + r * lanes + firstLane + v * kLanes);
    });
  });
}

template <size_t R, bool kL2>
void tileRow(const SearchGroup& group, const float* rows, const float* factors, float* scores) {
  size_t lane = 0;
  for (; lane + kTileVectors * kLanes <= group.lanes; lane += kTileVectors * kLanes)
    tile<R, kTileVectors, kL2>(group, lane, rows, factors, scores);
  for (; lane + 2 * kLanes <= group.lanes; lane += 2 * kLanes) tile<R, 2, kL2>(group, lane, rows, factors, scores);
  for (; lane < group.lanes; lane += kLanes) tile<R, 1, kL2>(group, lane, rows, factors, scores);
}

// Scores of up to kTileRows rows: scores[row * lanes + query], to be settled.
void tileScores(const SearchGroup& group, size_t row, size_t rows, float* scores) {
  const float* const base = group.base + row * group.d;
  float factors[kTileRows];
  bool ordinary[kTileRows];
  for (size_t r = 0; r < rows; ++r) {
    const bool cosine = group.metric == kMetricCosine;
    const float squares = cosine ? static_cast<float>(rowSquares(base + r * group.d, group.d)) : 1;
    ordinary[r] = trusted(squares);
    factors[r] = group.metric == kMetricL2 ? -1.0f : cosine ? cosineFactor(squares) : 1.0f;
  }
  const bool l2 = group.metric == kMetricL2;
  if (rows == kTileRows) {
    l2 ? tileRow<kTileRows, true>(group, base, factors, scores)
       : tileRow<kTileRows, false>(group, base, factors, scores);
  } else {
    for (size_t r = 0; r < rows; ++r) {
      const float* const one = base + r * group.d;
      float* const to = scores + r * group.lanes;
      l2 ? tileRow<1, true>(group, one, factors + r, to) : tileRow<1, false>(group, one, factors + r, to);
    }
  }
  for (size_t r = 0; r < rows; ++r)
    if (!ordinary[r]) rareCosines(group, base + r * group.d, scores + r * group.lanes, 1);
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
