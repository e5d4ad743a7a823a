// The similarity_search kernel: scores of a stretch of the base against a group of queries, and the best k kept as they
// come. Few queries are compared row by row; many lie side by side in vectors, so that each base element is broadcast
// to all of them. One score is one chain of operations that doesn't depend on the row's place: equal rows score
// equally.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/search.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include <utility>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/scratch.h"
#include "cpu/search_exactly.h"
#include "cpu/top_k.h"
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

// ---- few queries

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

// ---- many queries

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

// Offers one row's scores, as tileScores left them, to the queries they may matter to.
HWY_INLINE void offerScores(const SearchGroup& group, const float* scores, uint32_t row, float* thresholds,
                            BestK* best) {
  // A product of -infinity may be one that overflowed on the way to something better.
  const float least = group.metric == kMetricDot ? -FLT_MAX : -HUGE_VALF;
  const Vec lowest = hn::Set(kF, least);
  Settling settled(group, row);
  for (size_t lane = 0; lane < group.count; lane += kLanes) {
    const Vec some = hn::Load(kF, scores + lane);
    if (hn::AllTrue(kF, hn::And(hn::Le(some, hn::Load(kF, thresholds + lane)), hn::Ge(some, lowest)))) continue;
    for (size_t q = lane; q < HWY_MIN(group.count, lane + kLanes); ++q) {
      if (scores[q] <= thresholds[q] && scores[q] >= least) continue;
      const float score = settled(0, q, scores[q]);
      if (score <= thresholds[q]) continue;
      best[q].offer(score, row);
      thresholds[q] = best[q].threshold();
    }
  }
}

// The best of rows [begin, end) for every query of the group. thresholds has `lanes` elements, infinite past the last
// query.
void searchChunk(const SearchGroup& group, size_t begin, size_t end, float* thresholds, BestK* best) {
  if (group.lanes == 0) {
    HWY_ALIGN float scores[kFew * kRowsAChunk];
    for (size_t from = begin; from < end; from += kRowsAChunk) {
      const size_t rows = HWY_MIN(kRowsAChunk, end - from);
      fewScores(group, from, from + rows, scores, kRowsAChunk);
      for (size_t q = 0; q < group.count; ++q)
        offerRow(scores + q * kRowsAChunk, rows, static_cast<uint32_t>(from), false, best[q]);
    }
    return;
  }
  HWY_ALIGN float scores[kTileRows * kGroup];
  for (size_t row = begin; row < end; row += kTileRows) {
    const size_t rows = HWY_MIN(kTileRows, end - row);
    tileScores(group, row, rows, scores);
    for (size_t r = 0; r < rows; ++r)
      offerScores(group, scores + r * group.lanes, static_cast<uint32_t>(row + r), thresholds, best);
  }
}

// All scores of rows [begin, end): scores[query * ld + row].
void scoreChunk(const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld) {
  if (group.lanes == 0) return fewScores(group, begin, end, scores + begin, ld);
  HWY_ALIGN float part[kTileRows * kGroup];
  for (size_t row = begin; row < end; row += kTileRows) {
    const size_t rows = HWY_MIN(kTileRows, end - row);
    tileScores(group, row, rows, part);
    Settling settled(group, row);
    for (size_t q = 0; q < group.count; ++q)
      for (size_t r = 0; r < rows; ++r) scores[q * ld + row + r] = settled(r, q, part[r * group.lanes + q]);
  }
}

size_t vectorLanes() { return kLanes; }

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(searchChunk);
HWY_EXPORT(scoreChunk);
HWY_EXPORT(vectorLanes);

namespace {

constexpr size_t kMaxCollect = 4096;              // larger k: whole rows of scores are kept and selected from
constexpr size_t kScoreBytes = size_t{64} << 20;  // of such rows at once

struct Search {
  const Call& call;
  SimilaritySearchParams params;
  const float *queries, *base;
  float* scores;
  int32_t* indices;
};

// Queries [first, first + count) as the kernels want them, in `memory`.
SearchGroup prepare(const Search& search, size_t first, size_t count, float* memory) {
  const size_t d = search.params.d, vector = HWY_DYNAMIC_DISPATCH(vectorLanes)();
  const size_t lanes = count <= kFew ? 0 : (count + vector - 1) / vector * vector;
  SearchGroup group{
      memory, count, lanes, search.base, search.params.n, d, search.params.metric, 0, 0, &search.call.budget};
  if (group.lanes) std::memset(memory, 0, group.lanes * d * sizeof(float));
  for (size_t q = 0; q < count; ++q) {
    const float* const query = search.queries + (first + q) * d;
    double squares = 0;  // of any finite query less than double's largest
    for (size_t i = 0; i < d; ++i) squares += double{query[i]} * query[i];
    if (std::isfinite(squares)) group.finite |= uint64_t{1} << q;
    if (squares == 0) group.zero |= uint64_t{1} << q;
    const double factor = group.metric != kMetricCosine ? 1 : squares == 0 ? 0 : kUnitQuery / std::sqrt(squares);
    for (size_t i = 0; i < d; ++i)
      memory[group.lanes ? i * group.lanes + q : q * d + i] = static_cast<float>(query[i] * factor);
  }
  return group;
}

uint64_t rowGrain(const Budget& budget, const SearchGroup& group) {
  const double rowNs = 5 + static_cast<double>(group.d) *
                               std::max(0.13, 0.019 * static_cast<double>(group.lanes ? group.lanes : group.count));
  return std::max<uint64_t>(grainFor(budget, group.n, rowNs, kRowsAChunk), 1);
}

void emit(const Search& search, size_t query, const uint64_t* sorted) {
  const size_t k = search.params.k;
  for (size_t i = 0; i < k; ++i) {
    const float score = candidateScore(sorted[i]);
    search.scores[query * k + i] = search.params.metric == kMetricL2 ? 0 - score : score;
    search.indices[query * k + i] = static_cast<int32_t>(candidateIndex(sorted[i]));
  }
}

// Small k: every thread keeps its best for every query, merged at the end.
void collectGroup(const Search& search, const SearchGroup& group, size_t first) {
  const Budget& budget = search.call.budget;
  const size_t k = search.params.k, room = BestK::capacity(k), lanes = std::min(budget.threads, usableCpus());
  Scratch memory(lanes * group.count * room * sizeof(uint64_t)), thresholds(lanes * kGroup * sizeof(float));
  std::vector<BestK> best(lanes * group.count);
  for (size_t i = 0; i < best.size(); ++i) best[i] = BestK(memory.as<uint64_t>() + i * room, k);
  for (size_t i = 0; i < lanes * kGroup; ++i)
    thresholds.as<float>()[i] = i % kGroup < group.count ? best[0].threshold() : HUGE_VALF;
  parallelFor(budget, group.n, rowGrain(budget, group), [&](uint64_t begin, uint64_t end, uint32_t lane) {
    HWY_DYNAMIC_DISPATCH(searchChunk)
    (group, begin, end, thresholds.as<float>() + lane * kGroup, best.data() + lane * group.count);
  });
  if (budget.stopped()) return;
  std::vector<uint64_t> all;
  for (size_t q = 0; q < group.count; ++q) {
    all.clear();
    for (size_t lane = 0; lane < lanes; ++lane)
      all.insert(all.end(), best[lane * group.count + q].begin(), best[lane * group.count + q].end());
    sortBest(all.data(), all.size(), k);
    emit(search, first + q, all.data());
  }
}

// Large k: all scores of the group first, then a selection a query.
void selectGroup(const Search& search, const SearchGroup& group, size_t first) {
  const Budget& budget = search.call.budget;
  const size_t n = group.n, k = search.params.k;
  Scratch scores(group.count * n * sizeof(float));
  parallelFor(budget, n, rowGrain(budget, group), [&](uint64_t begin, uint64_t end, uint32_t) {
    HWY_DYNAMIC_DISPATCH(scoreChunk)(group, begin, end, scores.as<float>(), n);
  });
  if (budget.stopped()) return;
  parallelFor(budget, group.count, grainFor(budget, group.count, 8.0 * static_cast<double>(n)),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                Scratch work(topKWork(n, k) * sizeof(uint64_t));
                for (uint64_t q = begin; q < end; ++q) {
                  topKRow(scores.as<float>() + q * n, n, k, false, work.as<uint64_t>());
                  emit(search, first + q, work.as<uint64_t>());
                }
              });
}

}  // namespace

namespace kernels {
void similarity_search(const Call& call) {
  const auto params = call.as<SimilaritySearchParams>();
  if (params.k == 0 || params.q == 0) return;
  const Search search{call, params, call.view(0), call.view(1), call.view(2), call.view<int32_t>(3)};
  const bool collect = params.k <= kMaxCollect && uint64_t{params.k} * 4 <= params.n;
  const size_t most = collect ? kGroup : std::clamp<size_t>(kScoreBytes / (sizeof(float) * params.n), 1, kGroup);
  // Vectors may have lanes past the last query, but never past a whole group.
  Scratch queries(kGroup * std::max<size_t>(params.d, 1) * sizeof(float));
  for (size_t first = 0; first < params.q && !call.budget.stopped(); first += most) {
    const SearchGroup group = prepare(search, first, std::min<size_t>(most, params.q - first), queries.as<float>());
    if (collect)
      collectGroup(search, group, first);
    else
      selectGroup(search, group, first);
  }
}
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
