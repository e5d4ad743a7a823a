// The top_k kernel: a vector compare passes over what can't be among the best.
#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/top_k.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/top_k.h"
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

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <vector>

#include "cpu/kernels.h"
#include "cpu/scratch.h"

namespace switchyard::cpu {
HWY_EXPORT(offer);

namespace {

constexpr size_t kSplitRow = 64 * 1024;  // rows from here on are shared by the threads when there are few of them

// Collecting pays while few elements get past the threshold; otherwise the whole row is selected from.
bool collects(size_t n, size_t k) { return k <= 1024 && 8 * k <= n; }

void emit(const float* row, const uint64_t* sorted, size_t k, float* values, int32_t* indices) {
  for (size_t i = 0; i < k; ++i) {
    indices[i] = static_cast<int32_t>(candidateIndex(sorted[i]));
    values[i] = row[candidateIndex(sorted[i])];
  }
}

void splitRow(const Call& call, const float* row, const TopKParams& params, float* values, int32_t* indices) {
  const size_t room = BestK::capacity(params.k);
  const uint32_t lanes = std::min(call.budget.threads, usableCpus());
  Scratch memory(lanes * room * sizeof(uint64_t));
  std::vector<BestK> best(lanes);
  for (uint32_t lane = 0; lane < lanes; ++lane) best[lane] = BestK(memory.as<uint64_t>() + lane * room, params.k);
  parallelFor(call.budget, params.d, grainFor(call.budget, params.d, 0.2, 1024),
              [&](uint64_t begin, uint64_t end, uint32_t lane) {
                offerRow(row + begin, end - begin, static_cast<uint32_t>(begin), !params.largest, best[lane]);
              });
  if (call.budget.stopped()) return;
  std::vector<uint64_t> all;
  for (const BestK& part : best) all.insert(all.end(), part.begin(), part.end());
  sortBest(all.data(), all.size(), params.k);
  emit(row, all.data(), params.k, values, indices);
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
    for (size_t i = 0; i < n; ++i) work[i] = candidate(negate ? -row[i] : row[i], static_cast<uint32_t>(i));
    sortBest(work, n, k);
  }
}

namespace kernels {
void top_k(const Call& call) {
  const auto params = call.as<TopKParams>();
  const float* const in = call.view(0);
  float* const values = call.view(1);
  int32_t* const indices = call.view<int32_t>(2);
  const size_t d = params.d, k = params.k;
  if (k == 0) return;
  if (d >= kSplitRow && params.rows < 2 * call.budget.threads && collects(d, k)) {
    for (uint64_t r = 0; r < params.rows && !call.budget.stopped(); ++r)
      splitRow(call, in + r * d, params, values + r * k, indices + r * k);
    return;
  }
  const double elementNs = collects(d, k) ? 0.4 : 8;
  parallelFor(call.budget, params.rows, grainFor(call.budget, params.rows, 50 + elementNs * static_cast<double>(d)),
              [&](uint64_t begin, uint64_t end, uint32_t) {
                Scratch work(topKWork(d, k) * sizeof(uint64_t));
                for (uint64_t r = begin; r < end; ++r) {
                  topKRow(in + r * d, d, k, !params.largest, work.as<uint64_t>());
                  emit(in + r * d, work.as<uint64_t>(), k, values + r * k, indices + r * k);
                }
              });
}
}  // namespace kernels
}  // namespace switchyard::cpu
#endif
