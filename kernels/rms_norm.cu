// rms_norm: each row to x / sqrt(mean of x^2 + epsilon) * gamma; another may be added to it first.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

template <uint32_t kThreads, uint32_t kQuads>
__global__ void __launch_bounds__(rowBlock(kThreads), heldBlocks(kThreads, kQuads))
    rmsNormKernel(const void* input, const void* gammas, const void* residual, void* out, RmsNormParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const InSum x(In(input, p.formats, 0).from(row.index * p.d), In(residual, p.formats, 2).from(row.index * p.d),
                p.hasResidual != 0);
  const Beside gamma(In(gammas, p.formats, 1), p.hasGamma != 0, 1.0f), none(In(gammas, p.formats, 1), false, 0.0f);
  const Out y = Out(out, p.formats, 3).from(row.index * p.d);
  const auto values = elementsOf<kQuads>(row, x, p.d, x.hasFours() && y.hasFours() && gamma.hasFours());
  const auto squares = row.squares(values);
  // In two steps where the magnitudes were scaled: their squares are past float32.
  float first = squares.scale, deviation;
  const float epsilon = p.epsilon / first / first;
  if (isFinite(epsilon)) {
    deviation = sqrtf(squares.sum / float(p.d) + epsilon);
  } else {  // beside it the squares are nothing
    first = 1.0f;
    deviation = sqrtf(p.epsilon);
  }
  values.write(y, gamma, none, [&](float v, float factor, float) { return v / first / deviation * factor; });
}

SWITCHYARD_HELD_ROW_KERNEL(rms_norm, rmsNormKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
