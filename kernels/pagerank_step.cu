// pagerank_step: the next rank of nodes, how far it moved, and what of it is dangling. One block is kPagerankGroup
// nodes.
#include "pagerank.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = kPagerankGroup;

__global__ void __launch_bounds__(kThreads)
    pagerankStepKernel(const uint32_t* starts, const int32_t* sources, const float* weights, const float* shares,
                       const float* scale, const PagerankState* state, float* ranks, float* nextShares, float* partials,
                       PagerankParams p) {
  const uint64_t unit = linearBlock(), item = unit * kThreads + threadIdx.x;
  if (unit * kThreads >= p.count || state->done) return;  // alike for the whole block
  float moved = 0.0f, held = 0.0f;
  if (item < p.count) {
    const uint64_t node = p.first + item;
    const float sum =
        sumOfRow(starts, sources, weights, shares, uint64_t(p.firstSlice) * kPagerankSlice + node - p.hubs, p);
    const float n = float(p.n), by = scale[node];
    const float next = (1.0f - p.damping) / n + p.damping * (sum + state->danglingSum / n);
    moved = fabsf(next - ranks[node]);
    held = by == 0.0f ? next : 0.0f;
    ranks[node] = next;
    nextShares[node] = next * by;
  }
  moved = blockReduce<kThreads>(moved, Add());
  held = blockReduce<kThreads>(held, Add());
  if (threadIdx.x != 0) return;
  float* const pair = partials + 2 * (p.hubs + (p.first - p.hubs) / kPagerankGroup + unit);
  pair[0] = moved, pair[1] = held;
}

SWITCHYARD_KERNEL(pagerank_step, pagerankStepKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
