// See the header. Compiled as the kernels of kernels/ are.
#include "wrong_kernels.h"

#include "../../../kernels/kernel.h"
#include "../../../kernels/mma.h"

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

struct alignas(16) Quad {
  uint32_t words[4];
};

void missesBarrierOfMatricesKernel(const Quad* x, Quad* out) {
  SWITCHYARD_SHARED(Quad, rows, [kTriedThreads]);
  rows[threadIdx.x] = x[linearThread()];
  __syncwarp();
  loadMatrices<false>(out[linearThread()].words, &rows[threadIdx.x ^ 32]);
}

void missesBarrierOfCopiesKernel(const Quad* x, Quad* out) {
  SWITCHYARD_SHARED(Quad, rows, [kTriedThreads]);
  AsyncCopies copies;
  copies.copy(&rows[threadIdx.x], &x[linearThread()], true);
  copies.wait();
  __syncwarp();
  out[linearThread()] = rows[threadIdx.x ^ 32];
}

void copiesOverReadingKernel(const Quad* x, Quad* out) {
  SWITCHYARD_SHARED(Quad, rows, [kTriedThreads]);
  AsyncCopies copies;
  for (int round = 0; round < 2; ++round) {
    copies.copy(&rows[threadIdx.x], &x[linearThread()], true);
    copies.wait();
    __syncthreads();
    out[linearThread()] = rows[threadIdx.x ^ 32];
  }
}

void writesWhatManyReadKernel(uint32_t* out) {
  SWITCHYARD_SHARED(uint32_t, number);
  const uint32_t t = threadIdx.x;
  if (t == 0) number = 7;
  __syncthreads();
  uint32_t seen = 0;
  for (uint32_t reader = 1; reader < 3; ++reader) {
    if (t == reader || (t == kWarp && reader == 1)) seen = number;
    __syncwarp();
  }
  if (t == 3) number = 9;
  out[linearThread()] = seen;
}

void writesTheSameKernel(Record* out) {
  Record record;
  for (uint32_t i = 0; i < 8; ++i) record.words[i] = i;
  out[linearBlock()] = record;  // at once, so not by 16 bytes
}

void logsTurnsKernel(uint32_t* log) { atomicExch(&log[1 + atomicAdd(log, 1u)], static_cast<uint32_t>(linearThread())); }

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
const CudaVariant& missesBarrierOfMatrices() {
  static const CudaVariant variant = makeVariant(&missesBarrierOfMatricesKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& missesBarrierOfCopies() {
  static const CudaVariant variant = makeVariant(&missesBarrierOfCopiesKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& copiesOverReading() {
  static const CudaVariant variant = makeVariant(&copiesOverReadingKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& writesWhatManyRead() {
  static const CudaVariant variant = makeVariant(&writesWhatManyReadKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& writesTheSame() {
  static const CudaVariant variant = makeVariant(&writesTheSameKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& logsTurns() {
  static const CudaVariant variant = makeVariant(&logsTurnsKernel, kTriedThreads, 1);
  return variant;
}
const CudaVariant& takesTooMuch() {
  static const CudaVariant variant = makeVariant(&takesTooMuchKernel, kTriedThreads, 1);
  return variant;
}

}  // namespace switchyard::cuda_shim
