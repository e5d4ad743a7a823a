// out[i] = f(in[i]) over a count of elements: a thread takes four neighbours.
#pragma once
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kElementThreads = 256, kElementsPerThread = 4;

template <class F>
__device__ inline void mapElements(const In& in, const Out& out, uint64_t count, F f) {
  const uint64_t first = linearThread() * kElementsPerThread;
  if (first + kElementsPerThread <= count && in.hasFours() && out.hasFours()) {
    const float4 x = in.four(first / 4);
    out.putFour(first / 4, make_float4(f(x.x), f(x.y), f(x.z), f(x.w)));
    return;
  }
  for (uint64_t i = first; i < first + kElementsPerThread && i < count; ++i) out.put(i, f(in[i]));
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
