// search_found: what top-k chose, as rows of the base and their scores.
#include "search.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    searchFoundKernel(const uint32_t* list, float* scores, uint32_t* indices, SearchFoundParams p) {
  const uint64_t i = linearThread();
  if (i >= uint64_t(p.q) * p.k) return;
  const uint32_t at = indices[i];
  const uint32_t* own = list + i / p.k * p.listed;
  uint32_t row = p.unit == 0 ? at : p.unit == 1 ? own[at] : own[at / p.unit] * p.unit + at % p.unit;
  if (p.masked) {
    const float worst = p.largest ? -infinity() : infinity();
    // The worst finite number, as Ranking writes that infinity.
    const float last = __int_as_float(__float_as_int(worst) - 1);
    if (scores[i] != scores[i])
      row = kNoEntry;
    else if (scores[i] == worst)
      scores[i] = quietNan();
    else if (scores[i] == last)
      scores[i] = worst;
  }
  indices[i] = row;
}

SWITCHYARD_KERNEL(search_found, searchFoundKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
