// layer_norm: each row to (x - mean) / sqrt(variance + epsilon) * gamma + beta.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads>
__global__ void __launch_bounds__(rowBlock(kThreads), 1024 / rowBlock(kThreads))
    layerNormKernel(const float* input, const float* gamma, const float* beta, float* out, LayerNormParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const float* x = input + row.index * p.d;
  float* y = out + row.index * p.d;
  const float d = float(p.d);
  float total = 0.0f;
  row.each(x, p.d, [&](uint64_t, float v) { total += v; });
  float mean = row.sum(total) / d;
  // The second pass also sums what the rounded mean left over, which corrects both mean and variance.
  float left = 0.0f, squares = 0.0f;
  row.each(x, p.d, [&](uint64_t, float v) {
    left += v - mean;
    squares += (v - mean) * (v - mean);
  });
  left = row.sum(left) / d;
  const float variance = fmaxf(row.sum(squares) / d - left * left, 0.0f);
  const float deviation = sqrtf((left != left ? left : variance) + p.epsilon);  // fmaxf dropped a NaN
  row.map(x, y, p.d, [&](uint64_t i, float v) {
    const float z = (v - mean - left) / deviation;
    return (p.hasGamma ? z * gamma[i] : z) + (p.hasBeta ? beta[i] : 0.0f);
  });
}

SWITCHYARD_ROW_KERNEL(layer_norm, layerNormKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
