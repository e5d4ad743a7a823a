// masked_softmax: scores of attention, in place: plus the mask, columns past the row hidden where causal, then softmax.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads>
__global__ void __launch_bounds__(rowBlock(kThreads), 1024 / rowBlock(kThreads))
    maskedSoftmaxKernel(const float* mask, float* scores, MaskedSoftmaxParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const uint64_t query = (row.index + p.firstRow) % p.s;  // its row in its head
  const uint64_t last = query + 1 + p.t;                  // queries are the last rows
  const uint64_t seen = !p.causal ? p.t : last <= p.s ? 0 : last - p.s;
  const float* added = mask + query * p.t;
  float* x = scores + row.index * p.t;
  const auto masked = [&](uint64_t column, float score) {
    if (column >= seen) return -infinity();
    return p.hasMask ? score + added[column] : score;
  };
  float most = -infinity();
  row.each(x, p.t, [&](uint64_t i, float v) { most = fmaxf(most, masked(i, v)); });
  most = row.reduce(most, Max());
  float total = 0.0f;
  row.each(x, p.t, [&](uint64_t i, float v) { total += expf(masked(i, v) - most); });
  total = row.sum(total);
  row.map(x, x, p.t, [&](uint64_t i, float v) { return seen ? expf(masked(i, v) - most) / total : 0.0f; });
}

SWITCHYARD_ROW_KERNEL(masked_softmax, maskedSoftmaxKernel, t)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
