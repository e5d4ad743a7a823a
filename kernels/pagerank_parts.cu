// pagerank_parts: what comes in by the edges of each segment of a hub. One item a segment.
#include "pagerank.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    pagerankPartsKernel(const uint32_t* starts, const int32_t* sources, const float* weights, const float* shares,
                        const PagerankState* state, float* sums, PagerankParams p) {
  const uint64_t item = linearThread();
  if (item >= p.count || state->done) return;
  sums[p.first + item] = sumOfRow(starts, sources, weights, shares, p.first + item, p);
}

SWITCHYARD_KERNEL(pagerank_parts, pagerankPartsKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
