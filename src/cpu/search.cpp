// A stretch of the base against a group of queries, and the best k kept as they come. Rows of float32 are compared
// where they lie; others, and those that a mask leaves singly, are laid out as float32 in a panel that stays in the
// cache.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/search.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/scratch.h"
#include "cpu/search_parts.h"
#include "cpu/top_k.h"
#include "cpu/search_rows-inl.h"
#include "cpu/search_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// Offers the scores of row `place` of the group's, as tileScores left them, to the queries they may matter to.
HWY_INLINE void offerScores(const SearchGroup& group, const float* scores, size_t place, uint32_t row,
                            float* thresholds, BestK* best) {
  // A product of -infinity may be one that overflowed on the way to something better.
  const float least = group.metric == kMetricDot ? -FLT_MAX : -HUGE_VALF;
  const Vec lowest = hn::Set(kF, least);
  Settling settled(group, place);
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

// Calls f(group, first, count, rows) for stretches of rows [begin, end) that may be found, whose float32 are rows
// first .. first + count of group.base. Their indices are in `rows`, or from `first` on where that is null.
template <class F>
void forStretches(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, double* worst,
                  const F& f) {
  const bool isFloat = base.element == kFormatFloat32;
  const size_t most = isFloat && !base.mask ? 0 : HWY_MAX(size_t{1}, kPanelFloats / base.d / kTileRows) * kTileRows;
  Scratch memory(most * base.d * sizeof(float));
  float* const panel = memory.as<float>();
  SearchGroup own = group;
  own.base = panel;
  uint32_t rows[kRowsAChunk];
  for (size_t from = begin; from < end && !group.budget->stopped(); from += kRowsAChunk) {
    const size_t to = HWY_MIN(end, from + kRowsAChunk), allowed = allowedRows(base.mask, from, to, rows);
    if (isFloat && allowed == to - from) {
      f(group, from, allowed, static_cast<const uint32_t*>(nullptr));
      continue;
    }
    for (size_t at = 0; at < allowed; at += most) {
      const size_t count = HWY_MIN(most, allowed - at);
      for (size_t i = 0; i < count; ++i) {
        float* const floats = panel + i * base.d;
        floatRow(base, rows[at + i], floats);
        if (base.bound) *worst = HWY_MAX(*worst, errorOf(base, rows[at + i], floats));
      }
      f(own, size_t{0}, count, static_cast<const uint32_t*>(rows + at));
    }
  }
}

// ---- stretches of the base

void searchChunk(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* thresholds,
                 BestK* best, double* worst) {
  forStretches(base, group, begin, end, worst,
               [&](const SearchGroup& own, size_t first, size_t count, const uint32_t* rows) {
                 if (own.lanes == 0) {
                   HWY_ALIGN float scores[kFew * kRowsAChunk];
                   fewScores(own, first, first + count, scores, kRowsAChunk);
                   for (size_t q = 0; q < own.count; ++q) {
                     const float* const some = scores + q * kRowsAChunk;
                     if (!rows) {
                       offerRow(some, count, static_cast<uint32_t>(first), false, best[q]);
                       continue;
                     }
                     for (size_t i = 0; i < count; ++i)
                       if (!(some[i] <= best[q].threshold())) best[q].offer(some[i], rows[i]);
                   }
                   return;
                 }
                 HWY_ALIGN float scores[kTileRows * kGroup];
                 for (size_t at = 0; at < count; at += kTileRows) {
                   const size_t height = HWY_MIN(kTileRows, count - at);
                   tileScores(own, first + at, height, scores);
                   for (size_t r = 0; r < height; ++r)
                     offerScores(own, scores + r * own.lanes, first + at + r,
                                 rows ? rows[at + r] : static_cast<uint32_t>(first + at + r), thresholds, best);
                 }
               });
}

void scoreChunk(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld,
                double* worst) {
  float* next = scores;
  forStretches(base, group, begin, end, worst,
               [&](const SearchGroup& own, size_t first, size_t count, const uint32_t*) {
                 float* const to = next;
                 next += count;
                 if (own.lanes == 0) return fewScores(own, first, first + count, to, ld);
                 HWY_ALIGN float part[kTileRows * kGroup];
                 for (size_t at = 0; at < count; at += kTileRows) {
                   const size_t height = HWY_MIN(kTileRows, count - at);
                   tileScores(own, first + at, height, part);
                   Settling settled(own, first + at);
                   for (size_t q = 0; q < own.count; ++q)
                     for (size_t r = 0; r < height; ++r) to[q * ld + at + r] = settled(r, q, part[r * own.lanes + q]);
                 }
               });
}

void scoreRows(const SearchBase& base, const SearchGroup& group, const uint32_t* rows, size_t count, float* scores) {
  Scratch memory(base.d * sizeof(float));
  SearchGroup own = group;
  for (size_t i = 0; i < count && !group.budget->stopped(); ++i) {
    own.base = memory.as<float>();
    if (base.element == kFormatFloat32)
      own.base = static_cast<const float*>(base.rows) + rows[i] * base.d;
    else
      floatRow(base, rows[i], memory.as<float>());
    fewScores(own, 0, 1, scores + i, 1);
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
HWY_EXPORT(scoreRows);
HWY_EXPORT(vectorLanes);

size_t searchLanes() { return HWY_DYNAMIC_DISPATCH(vectorLanes)(); }

void searchStretch(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* thresholds,
                   BestK* best, double* worst) {
  HWY_DYNAMIC_DISPATCH(searchChunk)(base, group, begin, end, thresholds, best, worst);
}

void scoreStretch(const SearchBase& base, const SearchGroup& group, size_t begin, size_t end, float* scores, size_t ld,
                  double* worst) {
  HWY_DYNAMIC_DISPATCH(scoreChunk)(base, group, begin, end, scores, ld, worst);
}

void scoreNamed(const SearchBase& base, const SearchGroup& group, const uint32_t* rows, size_t count, float* scores) {
  HWY_DYNAMIC_DISPATCH(scoreRows)(base, group, rows, count, scores);
}
}  // namespace switchyard::cpu
#endif
