// fill: every word of dst is `word`.
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads) fillKernel(uint32_t* dst, FillParams p) {
  const uint64_t i = linearThread();
  if (i < p.words) dst[i] = p.word;
}

static const CudaVariant& fillChoose(const void*) {
  static const CudaVariant variant = makeVariant(&fillKernel, kThreads, kThreads);
  return variant;
}
const CudaKernel cudaKernel_fill = {1, uint32_t(sizeof(FillParams)), fillChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
