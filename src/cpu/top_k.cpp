// The top_k kernel: a vector compare passes over what can't be among the best.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/top_k.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/top_k.h"
#include "cpu/halves-inl.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

void offer(const float* row, size_t n, uint32_t firstIndex, bool negate, BestK& best) {
  const Vec sign = hn::BitCast(kF, hn::Set(kU, negate ? 0x80000000u : 0u));
  const auto scores = [&](size_t i) HWY_ATTR { return hn::Xor(hn::LoadU(kF, row + i), sign); };
  const auto one = [&](size_t i) HWY_ATTR {
    const float score = negate ? -row[i] : row[i];
    if (!(score <= best.threshold())) best.offer(score, firstIndex + static_cast<uint32_t>(i));
  };
  size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    // All at or below the threshold (false for a NaN): nothing here is better.
    const Vec threshold = hn::Set(kF, best.threshold());
    const auto low =
        hn::And(hn::And(hn::Le(scores(i), threshold), hn::Le(scores(i + kLanes), threshold)),
                hn::And(hn::Le(scores(i + 2 * kLanes), threshold), hn::Le(scores(i + 3 * kLanes), threshold)));
    if (hn::AllTrue(kF, low)) continue;
    for (size_t v = i; v < i + 4 * kLanes; v += kLanes) {
      if (hn::AllTrue(kF, hn::Le(scores(v), hn::Set(kF, best.threshold())))) continue;
      for (size_t j = v; j < v + kLanes; ++j) one(j);
    }
  }
  for (; i < n; ++i) one(i);
}

// Of a buffer of the contract: elements at .. at + n of `source`, of which the first is the row's `firstIndex`.
void offerPart(const Call& call, uint32_t formats, uint64_t at, size_t n, uint32_t firstIndex, bool negate,
               BestK& best) {
  const Source source(call, 0, formats);
  if (source.isFloat()) return offer(source.part(at, n, nullptr), n, firstIndex, negate, best);
  HWY_ALIGN float floats[kHalvesBlock];
  for (size_t i = 0; i < n; i += kHalvesBlock) {
    const size_t length = HWY_MIN(kHalvesBlock, n - i);
    offer(source.part(at + i, length, floats), length, firstIndex + static_cast<uint32_t>(i), negate, best);
  }
}

// As floats: where they lie, or in `work`.
const float* floatsOfPart(const Call& call, uint32_t formats, uint64_t at, size_t n, float* work) {
  return Source(call, 0, formats).part(at, n, work);
}

// The values and indices of sorted candidates of row `row`. Ends early where the job is stopped.
void emit(const Call& call, const TopKParams& params, uint64_t row, const uint64_t* sorted) {
  const Source source(call, 0, params.formats);
  const Target target(call, 1, params.formats);
  int32_t* const indices = call.view<int32_t>(2) + row * params.k;
  HWY_ALIGN float block[256];
  for (size_t i = 0; i < params.k; i += 256) {
    if (i % 4096 == 0 && call.budget.stopped()) return;
    const size_t n = HWY_MIN(size_t{256}, params.k - i);
    float* const to = target.place(row * params.k + i, block);
    for (size_t j = 0; j < n; ++j) {
      const uint32_t index = candidateIndex(sorted[i + j]);
      indices[i + j] = static_cast<int32_t>(index);
      float wide;
      to[j] = *source.part(row * params.d + index, 1, &wide);
    }
    target.put(row * params.k + i, n, to, false);
  }
}

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <vector>

#include "cpu/kernels.h"
#include "cpu/radix_sort.h"
#include "cpu/scratch.h"

namespace switchyard::cpu {
HWY_EXPORT(offer);
HWY_EXPORT(offerPart);
HWY_EXPORT(floatsOfPart);
HWY_EXPORT(emit);

namespace {

constexpr size_t kSplitRow = 64 * 1024;  // rows from here on are shared by the threads when there are few of them
constexpr size_t kPart = 64 * 1024;      // of a row that one thread has, between looks at the stop flag

// Collecting pays while few elements get past the threshold; otherwise the whole row is selected from.
bool collects(size_t n, size_t k) { return 8 * k <= n; }

// How many threads one row is shared by: what each of them collects, and selecting from all of that on one thread, must
// stay small beside the row.
uint32_t lanesOfRow(const Budget& budget, size_t d, size_t k) {
  const uint64_t useful = std::max<uint64_t>(1, d / (2 * BestK::capacity(k)));
  return static_cast<uint32_t>(std::min<uint64_t>(std::min(budget.threads, usableCpus()), useful));
}

void makeCandidates(const float* row, size_t begin, size_t end, bool negate, uint64_t* to) {
  for (size_t i = begin; i < end; ++i) to[i] = candidate(negate ? -row[i] : row[i], static_cast<uint32_t>(i));
}

// fn(begin, end) for parts of a row, until the job is stopped.
template <class F>
void inParts(const Budget& budget, size_t n, const F& fn) {
  for (size_t i = 0; i < n && !budget.stopped(); i += kPart) fn(i, std::min(n, i + kPart));
}

// The best k of `count` candidates in order, to the front. `inOrder`: their indices ascend. Ends early where the job is
// stopped.
void sortCandidates(const Budget& budget, uint64_t* candidates, size_t count, size_t k, bool inOrder) {
  constexpr size_t kRadix = 4096;  // from here on digits are quicker than comparisons
  if (k < kRadix) return sortBest(candidates, count, k);
  if (k < count) std::nth_element(candidates, candidates + k, candidates + count);
  if (budget.stopped()) return;
  Scratch work(k * sizeof(uint64_t));
  radixSort(candidates, work.as<uint64_t>(), k, inOrder && k == count, [&] { return budget.stopped(); });
}

void offerOfRow(const Call& call, const TopKParams& params, uint64_t row, uint64_t begin, uint64_t end, BestK& best) {
  const uint64_t at = row * params.d + begin;
  const auto first = static_cast<uint32_t>(begin);
  HWY_DYNAMIC_DISPATCH(offerPart)(call, params.formats, at, end - begin, first, !params.largest, best);
}

void splitRow(const Call& call, const TopKParams& params, uint64_t row, uint32_t lanes) {
  const size_t room = BestK::capacity(params.k);
  Budget budget = call.budget;
  budget.threads = lanes;
  Scratch memory(lanes * room * sizeof(uint64_t));
  std::vector<BestK> best(lanes);
  for (uint32_t lane = 0; lane < lanes; ++lane) best[lane] = BestK(memory.as<uint64_t>() + lane * room, params.k);
  parallelFor(
      budget, params.d, grainFor(budget, params.d, 0.2, 1024),
      [&](uint64_t begin, uint64_t end, uint32_t lane) { offerOfRow(call, params, row, begin, end, best[lane]); });
  if (budget.stopped()) return;
  size_t collected = 0;
  for (const BestK& part : best) collected += static_cast<size_t>(part.end() - part.begin());
  std::vector<uint64_t> all;
  all.reserve(collected);
  for (const BestK& part : best) all.insert(all.end(), part.begin(), part.end());
  sortCandidates(budget, all.data(), all.size(), params.k, false);
  if (budget.stopped()) return;
  HWY_DYNAMIC_DISPATCH(emit)(call, params, row, all.data());
}

void wholeRow(const Call& call, const TopKParams& params, uint64_t row, float* floats, uint64_t* work) {
  const size_t d = params.d, k = params.k;
  if (collects(d, k)) {
    BestK best(work, k);
    inParts(call.budget, d, [&](size_t begin, size_t end) { offerOfRow(call, params, row, begin, end, best); });
    if (call.budget.stopped()) return;
    sortCandidates(call.budget, work, static_cast<size_t>(best.end() - best.begin()), k, false);
  } else {
    const float* const from = HWY_DYNAMIC_DISPATCH(floatsOfPart)(call, params.formats, row * d, d, floats);
    inParts(call.budget, d, [&](size_t begin, size_t end) { makeCandidates(from, begin, end, !params.largest, work); });
    if (call.budget.stopped()) return;
    sortCandidates(call.budget, work, d, k, true);
  }
  if (call.budget.stopped()) return;
  HWY_DYNAMIC_DISPATCH(emit)(call, params, row, work);
}

}  // namespace

void offerRow(const float* row, size_t n, uint32_t firstIndex, bool negate, BestK& best) {
  HWY_DYNAMIC_DISPATCH(offer)(row, n, firstIndex, negate, best);
}

size_t topKWork(size_t n, size_t k) { return collects(n, k) ? BestK::capacity(k) : n; }

void topKRow(const float* row, size_t n, size_t k, bool negate, uint64_t* work) {
  if (collects(n, k)) {
    BestK best(work, k);
    offerRow(row, n, 0, negate, best);
    sortBest(work, static_cast<size_t>(best.end() - best.begin()), k);
  } else {
    makeCandidates(row, 0, n, negate, work);
    sortBest(work, n, k);
  }
}

namespace kernels {
void top_k(const Call& call) {
  const auto params = call.as<TopKParams>();
  const size_t d = params.d, k = params.k;
  if (k == 0) return;
  const uint32_t lanes = lanesOfRow(call.budget, d, k);
  if (d >= kSplitRow && params.rows < 2 * lanes && collects(d, k)) {
    for (uint64_t r = 0; r < params.rows && !call.budget.stopped(); ++r) splitRow(call, params, r, lanes);
    return;
  }
  const double elementNs = collects(d, k) ? 0.4 : 8;
  const bool widens = (params.formats & 3) != kFormatFloat32 && !collects(d, k);
  parallelFor(call.budget, params.rows, grainFor(call.budget, params.rows, 50 + elementNs * static_cast<double>(d)),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                Scratch work(topKWork(d, k) * sizeof(uint64_t)), floats(widens ? d * sizeof(float) : 0);
                for (uint64_t r = begin; r < end && !call.budget.stopped(); ++r)
                  wholeRow(call, params, r, floats.as<float>(), work.as<uint64_t>());
              });
}
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
