// cast: float32 <-> float16, a pair of elements (one packed word) an item.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads) castKernel(const void* input, void* out, CastParams p) {
  const uint64_t pair = linearThread(), at = pair * 2;
  if (at >= p.n) return;
  const bool whole = at + 1 < p.n;
  if (p.toFloat16) {
    const float* x = static_cast<const float*>(input) + at;
    const uint32_t low = __half_as_ushort(__float2half_rn(x[0]));
    const uint32_t high = whole ? __half_as_ushort(__float2half_rn(x[1])) : 0u;
    static_cast<uint32_t*>(out)[pair] = low | high << 16;
  } else {
    const uint32_t word = static_cast<const uint32_t*>(input)[pair];
    float* y = static_cast<float*>(out) + at;
    y[0] = __half2float(__ushort_as_half(static_cast<unsigned short>(word & 0xFFFFu)));
    if (whole) y[1] = __half2float(__ushort_as_half(static_cast<unsigned short>(word >> 16)));
  }
}

SWITCHYARD_KERNEL(cast, castKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
