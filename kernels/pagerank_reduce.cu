// pagerank_reduce: what one iteration hands the next: residual, dangling sum, and whether to stop. One block in all.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 1024, kBlockTerms = 256;

__global__ void __launch_bounds__(kThreads)
    pagerankReduceKernel(const float* partials, PagerankState* state, PagerankParams p) {
  if (linearBlock() != 0 || state->done) return;  // alike for the whole block: `done` is written after the last barrier
  float residual = 0.0f, lost = 0.0f;
  for (uint64_t i = threadIdx.x; i < p.partials;) {
    float partResidual = 0.0f, partLost = 0.0f;
    for (uint32_t j = 0; j < kBlockTerms && i < p.partials; ++j, i += kThreads) {
      partResidual += partials[2 * i];
      partLost += partials[2 * i + 1];
    }
    residual += partResidual, lost += partLost;
  }
  residual = blockReduce<kThreads>(residual, Add());
  lost = blockReduce<kThreads>(lost, Add());
  if (threadIdx.x != 0) return;
  state->residual = residual;
  state->danglingSum = lost;
  state->iterations += 1;
  state->done = residual < p.tolerance || state->iterations >= p.maxIterations ? 1u : 0u;
}

SWITCHYARD_KERNEL(pagerank_reduce, pagerankReduceKernel, kThreads, 1)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
