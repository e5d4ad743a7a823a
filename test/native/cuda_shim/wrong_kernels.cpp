// See the header. Compiled as the kernels of kernels/ are.
#include "wrong_kernels.h"

#include "../../../kernels/kernel.h"

namespace switchyard::cuda_shim {
namespace {

void losesUpdatesKernel(uint32_t* total) {
  if (threadIdx.x >= kWarp) return;
  const uint32_t before = total[0];
  __syncwarp();
  if (threadIdx.x == 0) total[0] = before + 1;
}

void firstClearsKernel(uint32_t* total) {
  if (threadIdx.x != 0) return;
  if (linearBlock() == 0) atomicExch(total, 0u);
  atomicAdd(total, 1u);
}

void shiftsKernel(uint32_t* x) {
  const uint32_t next = x[linearThread() + 1];
  __syncthreads();
  x[linearThread()] = next;
}

void sumsKernel(const uint32_t* x, uint32_t* total) {
  SWITCHYARD_SHARED(uint32_t, parts, [kTriedThreads]);
  const uint32_t t = threadIdx.x;
  parts[t] = x[linearThread()];
  __syncthreads();
  for (uint32_t half = kTriedThreads / 2; half > 0; half /= 2) {
    if (t < half) parts[t] += parts[t + half];
    __syncthreads();
  }
  if (t == 0) atomicAdd(total, parts[0]);
}

void missesBarrierKernel(const uint32_t* x, uint32_t* out) {
  SWITCHYARD_SHARED(uint32_t, parts, [kTriedThreads]);
  parts[threadIdx.x] = x[linearThread()];
  __syncwarp();
  out[linearThread()] = parts[threadIdx.x ^ 32];
}

void takesTooMuchKernel(uint32_t* out) {
  SWITCHYARD_SHARED(unsigned char, most, [kSharedBytes]);
  SWITCHYARD_SHARED(unsigned char, more);
  most[threadIdx.x] = more = 0;
  out[linearThread()] = most[0];
}

}  // namespace

const CudaVariant& losesUpdates() {
  static const CudaVariant variant = makeVariant(&losesUpdatesKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& firstClears() {
  static const CudaVariant variant = makeVariant(&firstClearsKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& shifts() {
  static const CudaVariant variant = makeVariant(&shiftsKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& sums() {
  static const CudaVariant variant = makeVariant(&sumsKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& missesBarrier() {
  static const CudaVariant variant = makeVariant(&missesBarrierKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& takesTooMuch() {
  static const CudaVariant variant = makeVariant(&takesTooMuchKernel, kTriedThreads, 1);
  return variant;
}

}  // namespace switchyard::cuda_shim
