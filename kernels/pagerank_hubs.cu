// pagerank_hubs: the next rank of each node that many point at, from the sums of its segments. One block a hub.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 128, kBlockTerms = 32;

__global__ void __launch_bounds__(kThreads)
    pagerankHubsKernel(const uint32_t* segments, const float* sums, const float* scale, const PagerankState* state,
                       float* ranks, float* nextShares, float* partials, PagerankParams p) {
  const uint64_t node = linearBlock();
  if (node >= p.hubs || state->done) return;  // alike for the whole block
  float sum = 0.0f;
  for (uint64_t i = uint64_t(segments[node]) + threadIdx.x, end = segments[node + 1]; i < end;) {
    float part = 0.0f;
    for (uint32_t j = 0; j < kBlockTerms && i < end; ++j, i += kThreads) part += sums[i];
    sum += part;
  }
  sum = blockReduce<kThreads>(sum, Add());
  if (threadIdx.x != 0) return;
  const float n = float(p.n), by = scale[node];
  const float next = (1.0f - p.damping) / n + p.damping * (sum + state->danglingSum / n);
  partials[2 * node] = fabsf(next - ranks[node]);
  partials[2 * node + 1] = by == 0.0f ? next : 0.0f;
  ranks[node] = next;
  nextShares[node] = next * by;
}

SWITCHYARD_KERNEL(pagerank_hubs, pagerankHubsKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
