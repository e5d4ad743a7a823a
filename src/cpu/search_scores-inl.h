// Scores of float32 rows against few queries, row by row. One score is one chain of operations that doesn't depend on
// the row's place: equal rows score equally. Built once for each instruction set.
#if defined(SWITCHYARD_CPU_SEARCH_SCORES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_SEARCH_SCORES_INL_H
#undef SWITCHYARD_CPU_SEARCH_SCORES_INL_H
#else
#define SWITCHYARD_CPU_SEARCH_SCORES_INL_H
#endif

#include <utility>

#include "cpu/settle-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

#define SWITCHYARD_INLINE_LAMBDA HWY_ATTR __attribute__((always_inline))

template <class F, size_t... I>
HWY_INLINE void unrollWith(const F& f, std::index_sequence<I...>) {
  (f(std::integral_constant<size_t, I>{}), ...);
}
template <size_t N, class F>
HWY_INLINE void unroll(const F& f) {
  unrollWith(f, std::make_index_sequence<N>{});
}

// What makes the product of a row and a cosine query their cosine.
HWY_INLINE float cosineFactor(float squares) { return 1 / kUnitQuery / std::sqrt(squares); }

// Floats that rows are fetched ahead: past the page that the processor's own prefetches end with.
constexpr size_t kAhead = 1536;

template <bool kL2>
HWY_INLINE Vec accumulate(Vec sum, Vec x, Vec y) {
  if constexpr (!kL2) return hn::MulAdd(x, y, sum);
  const Vec difference = hn::Sub(x, y);
  return hn::MulAdd(difference, difference, sum);
}

// One row against Q queries, the row's own squares beside it when they are wanted.
template <size_t Q, bool kL2, bool kSquares>
HWY_INLINE void compareRow(const float* row, const float* queries, size_t d, float* sums, float& squares) {
  constexpr size_t kChains = Q == 1 ? 4 : 2;  // enough to hide the latency of an addition
  double totals[Q] = {}, totalSquares = 0;
  for (size_t at = 0; at < d; at += kSumBlock) {
    const size_t end = HWY_MIN(d, at + kSumBlock);
    Vec sum[Q][kChains], square[kChains];
    unroll<kChains>([&](auto c) SWITCHYARD_INLINE_LAMBDA {
      square[c] = hn::Zero(kF);
      unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA { sum[q][c] = hn::Zero(kF); });
    });
    size_t i = at;
    for (; i + kChains * kLanes <= end; i += kChains * kLanes) {
      unroll<kChains>([&](auto c) SWITCHYARD_INLINE_LAMBDA {
        const Vec x = hn::LoadU(kF, row + i + c * kLanes);
        if (kLanes >= 16 || c * kLanes % 16 == 0) hwy::Prefetch(row + i + c * kLanes + kAhead);
        unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA {
          sum[q][c] = accumulate<kL2>(sum[q][c], hn::LoadU(kF, queries + q * d + i + c * kLanes), x);
        });
        if constexpr (kSquares) square[c] = hn::MulAdd(x, x, square[c]);
      });
    }
    for (; i < end; i += kLanes) {
      const size_t valid = HWY_MIN(kLanes, end - i);
      const Vec x = valid == kLanes ? hn::LoadU(kF, row + i) : loadPart(kF, row + i, valid);
      unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA {
        const float* const y = queries + q * d + i;
        sum[q][0] = accumulate<kL2>(sum[q][0], valid == kLanes ? hn::LoadU(kF, y) : loadPart(kF, y, valid), x);
      });
      if constexpr (kSquares) square[0] = hn::MulAdd(x, x, square[0]);
    }
    unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA {
      Vec all = hn::Add(sum[q][0], sum[q][1]);
      if constexpr (kChains == 4) all = hn::Add(all, hn::Add(sum[q][2], sum[q][3]));
      totals[q] += sumLanes(all);
    });
    if constexpr (kSquares) {
      Vec all = hn::Add(square[0], square[1]);
      if constexpr (kChains == 4) all = hn::Add(all, hn::Add(square[2], square[3]));
      totalSquares += sumLanes(all);
    }
  }
  unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA { sums[q] = static_cast<float>(totals[q]); });
  squares = static_cast<float>(totalSquares);
}

// Scores of rows [begin, end) for Q queries: scores[q * ld + row - begin].
template <size_t Q, bool kL2, bool kSquares>
void compareRows(const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld) {
  for (size_t r = begin; r < end; ++r) {
    const float* const row = group.base + r * group.d;
    float sums[Q], squares;
    compareRow<Q, kL2, kSquares>(row, group.queries, group.d, sums, squares);
    if (kSquares && !trusted(squares)) {
      rareCosines(group, row, scores + r - begin, ld);
      continue;
    }
    const float factor = kSquares ? cosineFactor(squares) : kL2 ? -1.0f : 1.0f;
    for (size_t q = 0; q < Q; ++q)
      scores[q * ld + r - begin] = kSquares ? cosineWithin(sums[q] * factor) : sums[q] * factor;
  }
  if (kL2 || kSquares) return;
  for (size_t q = 0; q < Q; ++q) {  // products that overflowed, on the way or not
    float* const own = scores + q * ld;
    if (allFinite(own, end - begin)) continue;
    for (size_t r = begin; r < end; ++r) own[r - begin] = Settling(group, r)(0, q, own[r - begin]);
  }
}

template <size_t Q>
void compareMetric(const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld) {
  if (group.metric == kMetricL2)
    compareRows<Q, true, false>(group, begin, end, scores, ld);
  else if (group.metric == kMetricDot)
    compareRows<Q, false, false>(group, begin, end, scores, ld);
  else
    compareRows<Q, false, true>(group, begin, end, scores, ld);
}

// At most kFew queries.
void fewScores(const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld) {
  switch (group.count) {
    case 1: return compareMetric<1>(group, begin, end, scores, ld);
    case 2: return compareMetric<2>(group, begin, end, scores, ld);
    case 3: return compareMetric<3>(group, begin, end, scores, ld);
    default: return compareMetric<4>(group, begin, end, scores, ld);
  }
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
