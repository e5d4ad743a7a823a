// rms_norm: each row to x / sqrt(mean of x^2 + epsilon) * gamma; another may be added to it first.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads>
__global__ void __launch_bounds__(rowBlock(kThreads), 1024 / rowBlock(kThreads))
    rmsNormKernel(const void* input, const void* gammas, const void* residual, void* out, RmsNormParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const InSum x(In(input, p.formats, 0).from(row.index * p.d), In(residual, p.formats, 2).from(row.index * p.d),
                p.hasResidual != 0);
  const In gamma(gammas, p.formats, 1);
  const Out y = Out(out, p.formats, 3).from(row.index * p.d);
  const auto squares = row.squares(x, p.d);
  // In two steps where the magnitudes were scaled: their squares are past float32.
  float first = squares.scale, deviation;
  const float epsilon = p.epsilon / first / first;
  if (isFinite(epsilon)) {
    deviation = sqrtf(squares.sum / float(p.d) + epsilon);
  } else {  // beside it the squares are nothing
    first = 1.0f;
    deviation = sqrtf(p.epsilon);
  }
  row.map(x, y, p.d, [&](uint64_t i, float v) {
    const float z = v / first / deviation;
    return p.hasGamma ? z * gamma[i] : z;
  });
}

SWITCHYARD_ROW_KERNEL(rms_norm, rmsNormKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
