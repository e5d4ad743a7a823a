// out[i] = f(in[i]) over a count of floats: a thread takes four neighbours.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kElementThreads = 256, kElementsPerThread = 4;

template <class F>
__device__ inline void mapElements(const float* in, float* out, uint64_t count, F f) {
  const uint64_t first = linearThread() * kElementsPerThread;
  if (first + kElementsPerThread <= count && aligned16(in) && aligned16(out)) {
    const float4 x = reinterpret_cast<const float4*>(in)[first / 4];
    reinterpret_cast<float4*>(out)[first / 4] = make_float4(f(x.x), f(x.y), f(x.z), f(x.w));
    return;
  }
  for (uint64_t i = first; i < first + kElementsPerThread && i < count; ++i) out[i] = f(in[i]);
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
