// pagerank_hubs: the next rank of each node that many point at. One block a hub.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    pagerankHubsKernel(const int32_t* offsets, const int32_t* sources, const float* weights, const float* ranks,
                       const PagerankState* state, const uint32_t* hubs, float* next, PagerankParams p) {
  const uint64_t item = linearBlock();
  if (item >= p.nodes || state->done) return;  // alike for the whole block
  const uint32_t node = hubs[p.firstNode + item];
  const uint64_t begin = uint64_t(offsets[node]) - p.firstEdge, end = uint64_t(offsets[node + 1]) - p.firstEdge;
  float total = 0.0f, lost = 0.0f;  // compensated: a hub sums millions of small terms
  for (uint64_t e = begin + threadIdx.x; e < end; e += kThreads) {
    const float term = weights[e] * ranks[sources[e]] - lost;
    const float sum = total + term;
    lost = (sum - total) - term;
    total = sum;
  }
  total = blockReduce<kThreads>(total, Add());
  const float n = float(p.n);
  if (threadIdx.x == 0) next[node] = (1.0f - p.damping) / n + p.damping * (total + state->danglingSum / n);
}

SWITCHYARD_KERNEL(pagerank_hubs, pagerankHubsKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
