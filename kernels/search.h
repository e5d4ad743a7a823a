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

// Whether a score is to be made again: where squares or a product overflowed, or underflowed. Of vectors that are not
// very short a product that did is no matter: what float32 flushes is below d * 1e-30 of its cosine, and rows that have
// nothing in common are no rarity.
__device__ inline bool lostScore(uint32_t metric, float product, float squaresA, float squaresB) {
  if (metric == kMetricDot) return !isFinite(product);
  return metric == kMetricCosine && (!trustedSquares(squaresA) || !trustedSquares(squaresB) ||
                                     (fabsf(product) < 1e-28f && squaresA * squaresB < 1e-16f));
}

// The size of a row by which it is brought near 1: its norm, or where its squares don't give that its largest
// magnitude(), which look() finds. A zero vector, and one that is not finite, is not worth care.
__device__ inline float magnitude(float x) { return isFinite(x) ? fabsf(x) : infinity(); }
template <class Look>
__device__ inline float sizeOf(float squares, Look look) {
  return trustedSquares(squares) ? sqrtf(squares) : squares != squares ? infinity() : look();
}
__device__ inline bool isWorthCare(float size) { return size != 0.0f && isFinite(size); }
// The cosine of rows that are not both worth care.
__device__ inline float plainCosine(float sizeA, float sizeB) {
  return sizeA == 0.0f || sizeB == 0.0f ? 0.0f : quietNan();
}

// A score again, of rows worth care that are first multiplied with powers of two: for a cosine so that neither squares
// nor products over- or underflow, for a product, which can only have overflowed, so that it does not. A thread takes
// the elements from `first` on, `step` apart; join() brings the threads' sums together.
template <class Join>
__device__ inline float rescuedScore(const float* a, const float* b, uint32_t d, float sizeA, float sizeB, bool cosine,
                                     uint32_t first, uint32_t step, Join join) {
  const float byA = cosine ? towardsOne(sizeA) : powerOfTwo(-80), byB = cosine ? towardsOne(sizeB) : powerOfTwo(-80);
  const float up = cosine ? powerOfTwo(40) : 1.0f;  // and products of small elements keep their digits
  float product = 0.0f, againA = 0.0f, againB = 0.0f;
  for (uint64_t i = first; i < d; i += step) {
    const float x = a[i] * byA * up, y = b[i] * byB;
    product += x * y, againA += x * x, againB += y * y;
  }
  product = join(product);
  if (cosine) return cosineOf(product, sqrtf(join(againA)), sqrtf(join(againB)));
  return product * powerOfTwo(80) * powerOfTwo(80);
}

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
