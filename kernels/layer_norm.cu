// layer_norm: each row to (x - mean) / sqrt(variance + epsilon) * gamma + beta.
#include "rows.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// The mean is centre + rest: what rounding left over corrects both the mean and the variance.
struct Spread {
  float centre, rest, variance;
};

// Of the row's elements times a power of two.
template <uint32_t kThreads, class E>
__device__ inline Spread spreadOf(const Row<kThreads>& row, const E& values, uint32_t count, float by) {
  const float d = float(count);
  float total = 0.0f;
  values.each([&](uint64_t, float v) { total += v * by; });
  const float centre = row.sum(total) / d;
  float rest = 0.0f, squares = 0.0f;
  values.each([&](uint64_t, float v) {
    const float difference = v * by - centre;
    rest += difference;
    squares += difference * difference;
  });
  rest = row.sum(rest) / d;
  const float variance = row.sum(squares) / d - rest * rest;
  return {centre, rest, variance < 0.0f ? 0.0f : variance};  // a NaN stays one
}

template <uint32_t kThreads, uint32_t kQuads>
__global__ void __launch_bounds__(rowBlock(kThreads), heldBlocks(kThreads, kQuads))
    layerNormKernel(const void* input, const void* gammas, const void* betas, const void* residual, void* out,
                    LayerNormParams p) {
  const Row<kThreads> row;
  if (row.index >= p.rows) return;
  const InSum x(In(input, p.formats, 0).from(row.index * p.d), In(residual, p.formats, 3).from(row.index * p.d),
                p.hasResidual != 0);
  const Beside gamma(In(gammas, p.formats, 1), p.hasGamma != 0, 1.0f),
      beta(In(betas, p.formats, 2), p.hasBeta != 0, 0.0f);
  const Out y = Out(out, p.formats, 4).from(row.index * p.d);
  const auto values =
      elementsOf<kQuads>(row, x, p.d, x.hasFours() && y.hasFours() && gamma.hasFours() && beta.hasFours());
  Spread spread = spreadOf(row, values, p.d, 1.0f);
  float by = 1.0f, deviation = sqrtf(spread.variance + p.epsilon);
  if (!(spread.variance <= 1e38f && spread.variance + p.epsilon >= 1e-28f)) {  // what float32 can't square
    float largest = 0.0f;
    values.each([&](uint64_t, float v) { largest = fmaxf(largest, isFinite(v) ? fabsf(v) : infinity()); });
    largest = row.reduce(largest, Max());
    if (isFinite(largest)) {
      by = towardsOne(largest);
      spread = spreadOf(row, values, p.d, by);
      const float epsilon = p.epsilon * by * by;
      deviation = isFinite(epsilon) ? sqrtf(spread.variance + epsilon) : sqrtf(p.epsilon) * by;
      // Rows of one number are 0, also where epsilon is too small for float32 then.
      if (spread.variance == 0.0f && p.epsilon != 0.0f) deviation = infinity();
    } else {
      deviation = quietNan();
    }
  }
  const auto standard = [&](float v) { return (v * by - spread.centre - spread.rest) / deviation; };
  if (p.hasGamma || p.hasBeta)
    values.write(y, gamma, beta,
                 [&](float v, float factor, float added) { return wideMulAdd(standard(v), factor, added); });
  else
    values.write(y, [&](uint64_t, float v) { return standard(v); });
}

SWITCHYARD_HELD_ROW_KERNEL(layer_norm, layerNormKernel, d)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
