// gather: rows of a table, floating ones or codes of 8 bits with a scale each. A thread takes four neighbours.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256, kPerThread = 4;

__device__ inline float codeOf(uint32_t word, uint32_t place) {
  return float(static_cast<int8_t>(word >> 8 * place & 0xFFu));
}

__global__ void __launch_bounds__(kThreads)
    gatherKernel(const void* table, const int32_t* indices, const void* scales, void* to, GatherParams p) {
  const uint64_t first = linearThread() * kPerThread;
  if (first >= p.count) return;
  const In in(table, p.formats, 0), scale(scales, p.formats, 2);
  const Out out(to, p.formats, 3);
  const auto rowOf = [&](uint64_t i) -> uint64_t {
    const int32_t index = indices[i / p.d];
    return index < 0 ? 0 : uint32_t(index) >= p.n ? p.n - 1 : uint32_t(index);
  };
  if (p.d % 4 == 0 && out.hasFours() && (p.coded ? aligned16(table) : in.hasFours())) {
    const uint64_t row = rowOf(first), at = row * p.d + first % p.d;
    if (!p.coded) return out.putFour(first / 4, in.four(at / 4));
    const uint32_t word = static_cast<const uint32_t*>(table)[at / 4];
    const float s = scale[row];
    return out.putFour(first / 4,
                       make_float4(codeOf(word, 0) * s, codeOf(word, 1) * s, codeOf(word, 2) * s, codeOf(word, 3) * s));
  }
  for (uint64_t i = first; i < first + kPerThread && i < p.count; ++i) {
    const uint64_t row = rowOf(i), at = row * p.d + i % p.d;
    out.put(i, p.coded ? float(static_cast<const int8_t*>(table)[at]) * scale[row] : in[at]);
  }
}

SWITCHYARD_KERNEL(gather, gatherKernel, kThreads, kThreads* kPerThread)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
