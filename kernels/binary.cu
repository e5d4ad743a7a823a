// binary: out[i] = a[i] op b[i | i % d | 0]. A thread takes four neighbours.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kPerThread = 4;

__device__ inline float apply(uint32_t op, float a, float b) {
  switch (op) {
    case kBinaryAdd: return a + b;
    case kBinarySubtract: return a - b;
    case kBinaryMultiply: return a * b;
    default: return a / b;
  }
}

__global__ void __launch_bounds__(kThreads, 4)
    binaryKernel(const void* inA, const void* inB, void* to, BinaryParams p) {
  const uint64_t first = linearThread() * kPerThread;
  if (first >= p.count) return;
  const In a(inA, p.formats, 0), b(inB, p.formats, 1);
  const Out out(to, p.formats, 2);
  // With d % 4 == 0 four neighbours lie in one row.
  const bool contiguous = p.broadcast == kBroadcastNone || (p.broadcast == kBroadcastRow && p.d % 4 == 0);
  if (contiguous && first + kPerThread <= p.count && a.hasFours() && b.hasFours() && out.hasFours()) {
    const uint64_t at = p.broadcast == kBroadcastRow ? first % p.d : first;
    const float4 x = a.four(first / 4), y = b.four(at / 4);
    out.putFour(first / 4, make_float4(apply(p.op, x.x, y.x), apply(p.op, x.y, y.y), apply(p.op, x.z, y.z),
                                       apply(p.op, x.w, y.w)));
    return;
  }
  for (uint64_t i = first; i < first + kPerThread && i < p.count; ++i) {
    const uint64_t at = p.broadcast == kBroadcastNone ? i : p.broadcast == kBroadcastRow ? i % p.d : 0;
    out.put(i, apply(p.op, a[i], b[at]));
  }
}

SWITCHYARD_KERNEL(binary, binaryKernel, kThreads, kThreads* kPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
