// Scores that float32 loses on the way: of rows whose squares or products over- or underflow.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

// The cosine of two rows from their product and their norms; 0 when one of them is the zero vector. Rounding may leave
// that of a vector with itself a little above 1.
__device__ inline float cosineOf(float product, float normA, float normB) {
  const float norms = normA * normB;
  if (norms == 0.0f) return 0.0f;
  const float cosine = product / norms;
  return cosine > 1.0f ? 1.0f : cosine < -1.0f ? -1.0f : cosine;
}

// What a row is multiplied with so that its squares, and products of two such rows, are what float32 holds: of squares
// of 1e-30 and less all elements are below 1e-15; of 1e38 and more one is so large that the small ones don't count.
__device__ inline float rescuePower(float squares) {
  return trustedSquares(squares) ? 1.0f : squares < 1.0f ? powerOfTwo(100) : powerOfTwo(-80);
}

constexpr float kLargeSquares = 3e38f;  // in place of squares where they are not asked for: products may only overflow

// A score again from rows that are first multiplied. A thread takes the elements from `first` on, `step` apart; join()
// brings the threads' sums together.
template <class Join>
__device__ inline float rescuedScore(const float* a, const float* b, uint32_t d, float squaresA, float squaresB,
                                     bool cosine, uint32_t first, uint32_t step, Join join) {
  const float byA = rescuePower(squaresA), byB = rescuePower(squaresB);
  float product = 0.0f, againA = 0.0f, againB = 0.0f;
  for (uint64_t i = first; i < d; i += step) {
    const float x = a[i] * byA, y = b[i] * byB;
    product += x * y, againA += x * x, againB += y * y;
  }
  product = join(product);
  if (cosine) return cosineOf(product, sqrtf(join(againA)), sqrtf(join(againB)));
  return product * powerOfTwo(80) * powerOfTwo(80);  // large ones alone
}

// Which rows are worth that: no zero vector, and none that is not finite. Their squares tell it, or else a look at
// them: the largest magnitude() of their elements.
enum RowKind : uint32_t { kWorthCare, kZero, kNotFinite };
__device__ inline float magnitude(float x) { return isFinite(x) ? fabsf(x) : infinity(); }
__device__ inline RowKind kindOfRow(float largest) {
  return largest == 0.0f ? kZero : isFinite(largest) ? kWorthCare : kNotFinite;
}
// The kind of a row; look() gives its largest magnitude.
template <class Look>
__device__ inline RowKind kindOf(float squares, Look look) {
  return trustedSquares(squares) ? kWorthCare : squares != squares ? kNotFinite : kindOfRow(look());
}
// The cosine of rows that are not both worth care.
__device__ inline float plainCosine(RowKind a, RowKind b) { return a == kZero || b == kZero ? 0.0f : quietNan(); }

// Whether a score is to be made again.
__device__ inline bool lostScore(uint32_t metric, float score, float squaresA, float squaresB) {
  if (metric == kMetricCosine) return !trustedSquares(squaresA) || !trustedSquares(squaresB);
  return metric == kMetricDot && !isFinite(score);
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
