// Scores in double, for the few rows that need them.
#include "cpu/search_exactly.h"

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
  return cosineWithin(static_cast<float>(product / kUnitQuery / std::sqrt(squares)));
}

void scoresExactly(const SearchGroup& group, const float* row, float* scores, size_t ld) {
  for (size_t query = 0; query < group.count && !group.budget->stopped(); ++query)
    scores[query * ld] = scoreExactly(group, row, query);
}

}  // namespace switchyard::cpu
