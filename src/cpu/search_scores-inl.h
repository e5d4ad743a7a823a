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
constexpr size_t kAhead = 1536, kMostAhead = 8192;
// Rows that one query is compared with side by side. With AVX-512 several, so that what comes at the end of a row waits
// for no other; with narrower vectors one after the other in two chains, since memory gives more to a single stream
// (Zen 3: 9.2 against 7.7 GB/s a core).
constexpr size_t kRowsAtOnce = HWY_TARGET <= HWY_AVX3 ? 8 : 1;

template <bool kL2>
HWY_INLINE Vec accumulate(Vec sum, Vec x, Vec y) {
  if constexpr (!kL2) return hn::MulAdd(x, y, sum);
  const Vec difference = hn::Sub(x, y);
  return hn::MulAdd(difference, difference, sum);
}

// R rows against Q queries, the rows' own squares beside it when they are wanted: sums[row * Q + query]. A sum is the
// same whatever R is.
template <size_t R, size_t Q, bool kL2, bool kSquares>
HWY_INLINE void compareSome(const float* rows, const float* queries, size_t d, float* sums, float* squares) {
  static_assert(R == 1 || Q == 1);
  // Rows or chains: enough to hide the latency of an addition.
  constexpr size_t kChains = Q == 1 && kRowsAtOnce > 1 ? 1 : 2;
  double totals[R][Q] = {}, totalSquares[R] = {};
  // The next rows, if they fit beside these.
  const size_t ahead = HWY_MAX(kAhead, HWY_MIN(R * d, kMostAhead));
  for (size_t at = 0; at < d; at += kSumBlock) {
    const size_t end = HWY_MIN(d, at + kSumBlock);
    Vec sum[R][Q][kChains], square[R][kChains];
    unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
      unroll<kChains>([&](auto c) SWITCHYARD_INLINE_LAMBDA {
        square[r][c] = hn::Zero(kF);
        unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA { sum[r][q][c] = hn::Zero(kF); });
      });
    });
    size_t i = at;
    for (; i + kChains * kLanes <= end; i += kChains * kLanes) {
      unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
        const float* const row = rows + r * d + i;
        unroll<kChains>([&](auto c) SWITCHYARD_INLINE_LAMBDA {
          const Vec x = hn::LoadU(kF, row + c * kLanes);
          if (kLanes >= 16 || (i + c * kLanes) % 16 == 0) hwy::Prefetch(row + c * kLanes + ahead);
          unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA {
            sum[r][q][c] = accumulate<kL2>(sum[r][q][c], hn::LoadU(kF, queries + q * d + i + c * kLanes), x);
          });
          if constexpr (kSquares) square[r][c] = hn::MulAdd(x, x, square[r][c]);
        });
      });
    }
    for (; i < end; i += kLanes) {
      const size_t valid = HWY_MIN(kLanes, end - i);
      const auto load = [&](const float* from)
                            HWY_ATTR { return valid == kLanes ? hn::LoadU(kF, from) : loadPart(kF, from, valid); };
      unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
        const Vec x = load(rows + r * d + i);
        unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA {
          sum[r][q][0] = accumulate<kL2>(sum[r][q][0], load(queries + q * d + i), x);
        });
        if constexpr (kSquares) square[r][0] = hn::MulAdd(x, x, square[r][0]);
      });
    }
    const auto all = [&](const Vec* chains) HWY_ATTR {
      return sumLanes(kChains == 2 ? hn::Add(chains[0], chains[kChains - 1]) : chains[0]);
    };
    unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
      unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA { totals[r][q] += all(sum[r][q]); });
      if constexpr (kSquares) totalSquares[r] += all(square[r]);
    });
  }
  unroll<R>([&](auto r) SWITCHYARD_INLINE_LAMBDA {
    unroll<Q>([&](auto q) SWITCHYARD_INLINE_LAMBDA { sums[r * Q + q] = static_cast<float>(totals[r][q]); });
    squares[r] = static_cast<float>(totalSquares[r]);
  });
}

// Scores of rows [begin, end) for Q queries: scores[q * ld + row - begin].
template <size_t Q, bool kL2, bool kSquares>
void compareRows(const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld) {
  constexpr size_t kMost = Q == 1 ? kRowsAtOnce : 1;
  for (size_t r = begin, some; r < end; r += some) {
    const float* const rows = group.base + r * group.d;
    float sums[kMost * Q], squares[kMost];
    some = end - r < kMost ? 1 : kMost;
    if (some == kMost)
      compareSome<kMost, Q, kL2, kSquares>(rows, group.queries, group.d, sums, squares);
    else
      compareSome<1, Q, kL2, kSquares>(rows, group.queries, group.d, sums, squares);
    for (size_t i = 0; i < some; ++i) {
      float* const own = scores + r + i - begin;
      if (kSquares && !trusted(squares[i])) {
        rareCosines(group, rows + i * group.d, own, ld);
        continue;
      }
      const float factor = kSquares ? cosineFactor(squares[i]) : kL2 ? -1.0f : 1.0f;
      for (size_t q = 0; q < Q; ++q)
        own[q * ld] = kSquares ? cosineWithin(sums[i * Q + q] * factor) : sums[i * Q + q] * factor;
    }
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
