// cast: elements from one format to another, a pair (one word of halves) an item.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads) castKernel(const void* input, void* out, CastParams p) {
  const uint64_t pair = linearThread(), at = pair * 2;
  if (at >= p.n) return;
  const bool whole = at + 1 < p.n;
  const In x(input, p.formats, 0);
  const uint32_t to = formatAt(p.formats, 1);
  if (to == kFormatFloat32) {
    float* const y = static_cast<float*>(out);
    y[at] = x[at];
    if (whole) y[at + 1] = x[at + 1];
  } else {
    static_cast<uint32_t*>(out)[pair] = narrowed(x[at], to) | (whole ? narrowed(x[at + 1], to) << 16 : 0u);
  }
}

SWITCHYARD_KERNEL(cast, castKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
