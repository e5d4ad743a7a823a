// evidence_timeline: [timestamp, importance, category, relevance] to [timestamp, decayed importance, relevance,
// category].
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    evidenceTimelineKernel(const float* evidence, float* timeline, TimelineParams p) {
  const uint64_t row = linearThread();
  if (row >= p.rows) return;
  const float4 e = reinterpret_cast<const float4*>(evidence)[row];  // views begin at multiples of 16 bytes
  // Half the time that has passed: a difference of two times may be past float32, and a weight below it, where the
  // product is not.
  const float weight = expf(-p.decay * fabsf(0.5f * p.currentTime - 0.5f * e.x));
  reinterpret_cast<float4*>(timeline)[row] = make_float4(e.x, e.y * weight * weight, e.w, e.z);
}

SWITCHYARD_KERNEL(evidence_timeline, evidenceTimelineKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
