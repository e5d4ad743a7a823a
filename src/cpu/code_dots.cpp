// Products of int8 rows in Highway's instruction sets, as int16, and the choice among all of them.
#include "cpu/code_dots.h"

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/code_dots.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

#include "cpu/highway_target.h"
#include "cpu/product_sets.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

void dotsOfFew(const int8_t* const* rows, size_t, const void* const* queries, size_t count, size_t d, int32_t* dots,
               size_t ld, int32_t* sums, int32_t* squares) {
  for (size_t r = 0; r < kCodeRows; ++r) {
    sums[r] = squares[r] = 0;
    for (size_t i = 0; i < d; ++i) sums[r] += rows[r][i], squares[r] += rows[r][i] * rows[r][i];
    for (size_t q = 0; q < count; ++q) {
      int32_t dot = 0;
      for (size_t i = 0; i < d; ++i) dot += rows[r][i] * static_cast<const int16_t*>(queries[q])[i];
      dots[q * ld + r] = dot;
    }
  }
}

#else

constexpr hn::ScalableTag<int16_t> kWords;
constexpr hn::Rebind<int8_t, decltype(kWords)> kBytes;
using Words = hn::Vec<decltype(kWords)>;
constexpr size_t kStep = hn::MaxLanes(kWords);

HWY_INLINE Words wordsOf(const int8_t* codes, size_t n) {
  if (n >= kStep) return hn::PromoteTo(kWords, hn::LoadU(kBytes, codes));
  HWY_ALIGN int8_t part[kStep] = {};
  std::memcpy(part, codes, n);
  return hn::PromoteTo(kWords, hn::Load(kBytes, part));
}

// A row, and two sums for each product: pmaddwd may leave half of them to the second.
template <size_t Q>
HWY_INLINE void dotsOfRow(const int8_t* row, size_t ahead, const void* const* queries, size_t d, int32_t* dots,
                          size_t ld, int32_t& sum, int32_t& square) {
  IVec low[Q + 2], high[Q + 2];
  for (size_t i = 0; i < Q + 2; ++i) low[i] = high[i] = hn::Zero(kI);
  const Words ones = hn::Set(kWords, 1);
  for (size_t i = 0; i < d; i += kStep) {
    const Words codes = wordsOf(row + i, d - i);
    hwy::Prefetch(row + i + ahead);
    low[Q] = hn::ReorderWidenMulAccumulate(kI, codes, ones, low[Q], high[Q]);
    low[Q + 1] = hn::ReorderWidenMulAccumulate(kI, codes, codes, low[Q + 1], high[Q + 1]);
    for (size_t q = 0; q < Q; ++q)
      low[q] = hn::ReorderWidenMulAccumulate(kI, codes, hn::LoadU(kWords, static_cast<const int16_t*>(queries[q]) + i),
                                             low[q], high[q]);
  }
  const auto all = [&](size_t i) HWY_ATTR { return hn::GetLane(hn::SumOfLanes(kI, hn::Add(low[i], high[i]))); };
  for (size_t q = 0; q < Q; ++q) dots[q * ld] = all(q);
  sum = all(Q), square = all(Q + 1);
}

void dotsOfFew(const int8_t* const* rows, size_t ahead, const void* const* queries, size_t count, size_t d,
               int32_t* dots, size_t ld, int32_t* sums, int32_t* squares) {
  for (size_t r = 0; r < kCodeRows; ++r) switch (count) {
      case 0: dotsOfRow<0>(rows[r], ahead, queries, d, dots + r, ld, sums[r], squares[r]); break;
      case 1: dotsOfRow<1>(rows[r], ahead, queries, d, dots + r, ld, sums[r], squares[r]); break;
      case 2: dotsOfRow<2>(rows[r], ahead, queries, d, dots + r, ld, sums[r], squares[r]); break;
      case 3: dotsOfRow<3>(rows[r], ahead, queries, d, dots + r, ld, sums[r], squares[r]); break;
      default: dotsOfRow<4>(rows[r], ahead, queries, d, dots + r, ld, sums[r], squares[r]);
    }
}

#endif

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(dotsOfFew);

namespace {
void fewByHighway(const int8_t* const* rows, size_t ahead, const void* const* queries, size_t count, size_t d,
                  int32_t* dots, size_t ld, int32_t* sums, int32_t* squares) {
  HWY_DYNAMIC_DISPATCH(dotsOfFew)(rows, ahead, queries, count, d, dots, ld, sums, squares);
}
}  // namespace

CodeDots highwayCodeDots() { return {"int16", false, fewByHighway, nullptr}; }

CodeDots codeDots() {
  const uint32_t sets = productSets();
  if (sets & kProductVnni512) return vnni512CodeDots();
  if (sets & kProductVnni256) return vnni256CodeDots();
  return highwayTarget() <= HWY_AVX2 ? withAvx2Panel(highwayCodeDots()) : highwayCodeDots();
}
}  // namespace switchyard::cpu
#endif
