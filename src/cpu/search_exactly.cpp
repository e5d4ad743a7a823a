// Scores in double, for the few rows that need them.
#include <algorithm>

#include "cpu/search.h"

namespace switchyard::cpu {

float scoreExactly(const SearchGroup& group, const float* row, size_t query) {
  const size_t stride = group.lanes ? group.lanes : 1;
  const float* const from = group.queries + (group.lanes ? query : query * group.d);
  double product = 0, squares = 0;
  for (size_t i = 0; i < group.d; ++i) {
    product += double{from[i * stride]} * row[i];
    squares += double{row[i]} * row[i];
  }
  if (group.metric == kMetricDot) return static_cast<float>(product);
  return squares == 0 ? 0 : cosineWithin(static_cast<float>(product / std::sqrt(squares)));
}

void scoresExactly(const SearchGroup& group, const float* row, float* scores, size_t ld) {
  const bool zero = std::all_of(row, row + group.d, [](float x) { return x == 0; });
  for (size_t query = 0; query < group.count; ++query) scores[query * ld] = zero ? 0 : scoreExactly(group, row, query);
}

}  // namespace switchyard::cpu
