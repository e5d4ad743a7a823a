// center: out[row, i] = (input[row, i] - mean[i]) / 4.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kPerThread = 4;

__device__ inline float quarter(float x, float mean) { return x * 0.25f - mean * 0.25f; }

__global__ void __launch_bounds__(kThreads)
    centerKernel(const float* input, const float* mean, float* out, MeanParams p) {
  const uint64_t count = uint64_t(p.rows) * p.d, first = linearThread() * kPerThread;
  if (first >= count) return;
  uint64_t column = first % p.d;
  if (p.d % 4 == 0 && aligned16(input) && aligned16(mean) && aligned16(out)) {
    const float4 x = reinterpret_cast<const float4*>(input)[first / 4];
    const float4 m = reinterpret_cast<const float4*>(mean)[column / 4];
    reinterpret_cast<float4*>(out)[first / 4] =
        make_float4(quarter(x.x, m.x), quarter(x.y, m.y), quarter(x.z, m.z), quarter(x.w, m.w));
    return;
  }
  for (uint64_t i = first; i < first + kPerThread && i < count; ++i) {
    out[i] = quarter(input[i], mean[column]);
    if (++column == p.d) column = 0;
  }
}

SWITCHYARD_KERNEL(center, centerKernel, kThreads, kThreads* kPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
