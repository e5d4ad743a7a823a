// scatter: each piece to where it belongs. What a job uploads is often a handful of small tensors: one launch reads
// them all from page-locked memory, where each transfer would wait for a copy engine by itself.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads, 4) scatterKernel(ScatterParams p) {
  const uint64_t block = linearBlock();
  const uint64_t piece = block / kScatterParts;
  if (piece >= p.count) return;
  const auto* from = reinterpret_cast<const unsigned char*>(p.from[piece]);
  auto* to = reinterpret_cast<unsigned char*>(p.to[piece]);
  const uint32_t bytes = p.bytes[piece], first = uint32_t(block % kScatterParts) * kThreads + threadIdx.x;
  constexpr uint32_t kStep = kScatterParts * kThreads;
  uint32_t done = 0;
  if (aligned16(from) && aligned16(to)) {
    const uint32_t sixteens = bytes / 16;
    for (uint32_t i = first; i < sixteens; i += kStep)
      reinterpret_cast<float4*>(to)[i] = reinterpret_cast<const float4*>(from)[i];
    done = sixteens * 16;
  }
  for (uint32_t i = done + first; i < bytes; i += kStep) to[i] = from[i];
}

static const CudaVariant& scatterChoose(const void*) {
  static const CudaVariant variant = makeVariant(&scatterKernel, kThreads, 1);
  return variant;
}
const CudaKernel cudaKernel_scatter = {0, uint32_t(sizeof(ScatterParams)), scatterChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
