// What becomes of scores that float32 lost: which are worth care, and which are what they are. Built once for each
// instruction set.
#if defined(SWITCHYARD_CPU_SETTLE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SWITCHYARD_CPU_SETTLE_INL_H
#undef SWITCHYARD_CPU_SETTLE_INL_H
#else
#define SWITCHYARD_CPU_SETTLE_INL_H
#endif

#include <limits>

#include "cpu/search_exactly.h"
#include "cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

// Cosines with a row whose squares float32 does not hold. With the zero vector they are 0, and else NaN where a row is
// not finite: the others alone are worth care.
void rareCosines(const SearchGroup& group, const float* row, float* scores, size_t ld) {
  const float largest = largestMagnitude(row, group.d);
  if (largest != 0 && std::isfinite(largest)) return scoresExactly(group, row, scores, ld);
  for (size_t query = 0; query < group.count; ++query)
    scores[query * ld] = largest == 0 || (group.zero >> query & 1) ? 0 : std::numeric_limits<float>::quiet_NaN();
}

// Settles scores of a few rows: cosines are held to 1; products that are not finite are made again where the query and
// the row are, which is looked at once a row.
class Settling {
 public:
  Settling(const SearchGroup& group, size_t first) : group_(group), rows_(group.base + first * group.d) {}

  // Of row first + r, r < 32.
  HWY_INLINE float operator()(size_t r, size_t query, float score) {
    if (group_.metric == kMetricCosine) return cosineWithin(score);
    return group_.metric == kMetricL2 || std::isfinite(score) ? score : product(r, query, score);
  }

 private:
  float product(size_t r, size_t query, float score) {
    if (!(group_.finite >> query & 1)) return score;
    const float* const row = rows_ + r * group_.d;
    const uint32_t bit = 1u << r;
    if (!(looked_ & bit) && allFinite(row, group_.d)) finite_ |= bit;
    looked_ |= bit;
    return (finite_ & bit) && !group_.budget->stopped() ? scoreExactly(group_, row, query) : score;
  }

  const SearchGroup& group_;
  const float* rows_;
  uint32_t looked_ = 0, finite_ = 0;  // a bit for each row
};

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // include guard
