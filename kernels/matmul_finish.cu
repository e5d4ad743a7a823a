// What follows a product that a library made: bias, activation, residual, the scales of codes, the output's format.
#include "activation.h"
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    matmulFinishKernel(const void* sums, const float* scales, const float* rowScales, const void* bias,
                       const void* residual, void* out, MatmulFinishParams p) {
  const uint64_t i = linearThread(), row = i / p.n, column = i % p.n, at = row * p.ldSums + column;
  if (row >= p.m) return;
  float v;
  if (p.areIntegers)
    v = p.alpha * (float(static_cast<const int32_t*>(sums)[at]) * scales[column]) * rowScales[row];
  else
    v = static_cast<const float*>(sums)[at];
  if (p.hasBias) v += In(bias, p.formatBias, 0)[column];
  if (p.activation != kActivationNone) v = activate(p.activation, v);
  if (p.hasResidual) v += In(residual, p.formatResidual, 0)[i];
  Out(out, p.formatOut, 0).put(row * p.ldOut + column, v);
}

static const CudaVariant& matmulFinishChoose(const void*) {
  static const CudaVariant variant = makeVariant(&matmulFinishKernel, kThreads, kThreads);
  return variant;
}
const CudaKernel cudaKernel_matmul_finish = {6, uint32_t(sizeof(MatmulFinishParams)), matmulFinishChoose};

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
