// cast: elements from one format to another, a pair (one word of halves) an item. A thread takes fours that lie
// kThreads fours apart: of float32 16 bytes an access beside 8 of halves, each warp's in one stretch; between two
// formats of halves, eights of 16 bytes.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kFours = 2;  // fours a thread: loads that are under way together
constexpr uint32_t kBlockElements = kThreads * 4 * kFours;

struct alignas(16) Eight {
  uint32_t pairs[4];
};

__device__ inline uint32_t recoded(uint32_t pair, uint32_t from, uint32_t to) {
  return narrowed(widened(pair & 0xFFFFu, from), to) | narrowed(widened(pair >> 16, from), to) << 16;
}

__device__ inline void castPair(const In& x, const Out& y, void* out, uint32_t to, uint64_t pair, uint64_t n) {
  const uint64_t at = pair * 2;
  if (at >= n) return;
  const bool whole = at + 1 < n;
  if (to == kFormatFloat32) {
    y.put(at, x[at]);
    if (whole) y.put(at + 1, x[at + 1]);
  } else {
    static_cast<uint32_t*>(out)[pair] = narrowed(x[at], to) | (whole ? narrowed(x[at + 1], to) << 16 : 0u);
  }
}

__global__ void __launch_bounds__(kThreads) castKernel(const void* input, void* out, CastParams p) {
  const uint64_t first = linearBlock() * kBlockElements;
  if (first >= p.n) return;
  const In x(input, p.formats, 0);
  const Out y(out, p.formats, 1);
  const uint32_t from = formatAt(p.formats, 0), to = formatAt(p.formats, 1);
  if (first + kBlockElements > p.n || !aligned16(input) || !aligned16(out)) {
    for (uint32_t i = threadIdx.x; i < kBlockElements / 2; i += kThreads) castPair(x, y, out, to, first / 2 + i, p.n);
  } else if (from == kFormatFloat32 || to == kFormatFloat32) {
    float4 v[kFours];
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < kFours; ++i) v[i] = x.four(first / 4 + i * kThreads + threadIdx.x);
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < kFours; ++i) y.putFour(first / 4 + i * kThreads + threadIdx.x, v[i]);
  } else {
    static_assert(kBlockElements == 8 * kThreads, "an eight a thread");
    Eight eight = static_cast<const Eight*>(input)[first / 8 + threadIdx.x];
    SWITCHYARD_UNROLL
    for (uint32_t i = 0; i < 4; ++i) eight.pairs[i] = recoded(eight.pairs[i], from, to);
    static_cast<Eight*>(out)[first / 8 + threadIdx.x] = eight;
  }
}

SWITCHYARD_KERNEL(cast, castKernel, kThreads, kBlockElements / 2)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
