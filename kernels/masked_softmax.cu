// masked_softmax: scores of attention, in place: plus the mask, columns past the row hidden where causal, then softmax.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads, uint32_t kQuads>
__global__ void __launch_bounds__(rowBlock(kThreads), heldBlocks(kThreads, kQuads))
    maskedSoftmaxKernel(const float* mask, float* scores, MaskedSoftmaxParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const uint64_t query = (row.index + p.firstRow) % p.s;  // its row in its head
  const uint64_t last = query + 1 + p.t;                  // queries are the last rows
  const uint64_t seen = !p.causal ? p.t : last <= p.s ? 0 : last - p.s;
  const float* added = mask + query * p.t;
  float* x = scores + row.index * p.t;
  const auto values = elementsOf<kQuads>(row, static_cast<const float*>(x), p.t, aligned16(x))
                          .through([&](uint64_t column, float score) {
                            if (column >= seen) return -infinity();
                            return p.hasMask ? score + added[column] : score;
                          });
  float most = -infinity();
  values.each([&](uint64_t, float v) { most = fmaxf(most, v); });
  most = row.reduce(most, Max());
  const auto powers = values.through([&](uint64_t, float v) { return expf(v - most); });
  float total = 0.0f;
  powers.each([&](uint64_t, float v) { total += v; });
  total = row.sum(total);
  powers.write(x, [&](uint64_t, float v) { return seen ? v / total : 0.0f; });
}

SWITCHYARD_HELD_ROW_KERNEL(masked_softmax, maskedSoftmaxKernel, t)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
