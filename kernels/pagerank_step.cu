// pagerank_step: the next rank of each node, from the ranks of those that point at it. One item a node.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    pagerankStepKernel(const int32_t* offsets, const int32_t* sources, const float* weights, const float* ranks,
                       const PagerankState* state, float* next, PagerankParams p) {
  const uint64_t item = linearThread();
  if (item >= p.nodes || state->done) return;
  const uint64_t node = p.firstNode + item;
  const uint64_t begin = uint64_t(offsets[node]) - p.firstEdge, end = uint64_t(offsets[node + 1]) - p.firstEdge;
  if (end - begin > kPagerankRow) return;  // pagerank_hubs does it
  float total = 0.0f, lost = 0.0f;         // compensated: thousands of small terms
  for (uint64_t e = begin; e < end; ++e) {
    const float term = weights[e] * ranks[sources[e]] - lost;
    const float sum = total + term;
    lost = (sum - total) - term;
    total = sum;
  }
  const float n = float(p.n);
  next[node] = (1.0f - p.damping) / n + p.damping * (total + state->danglingSum / n);
}

SWITCHYARD_KERNEL(pagerank_step, pagerankStepKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
