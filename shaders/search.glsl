// The cosine of two rows from their product and their norms; 0 when one of them is the zero vector. Rounding may leave
// that of a vector with itself a little above 1.
float cosineOf(float product, float normA, float normB) {
  if (normA == 0.0 || normB == 0.0) return 0.0;
  const float c = product / (normA * normB);
  return c > 1.0 ? 1.0 : c < -1.0 ? -1.0 : c;
}
float cosine(float product, float squaresA, float squaresB) {
  return cosineOf(product, sqrt(squaresA), sqrt(squaresB));
}

const float kLargeSquares = 3e38;  // in place of squares where they are not asked for: products may only overflow

// A product of two rows that were too large, and were multiplied with kRescueDown.
float broughtBack(float product) {
  precise const float back = product * kRescueBack * kRescueBack;
  return back;
}

const float kCosineUp = 1099511627776.0;  // 2^40: products of small elements of rows near 1 keep their digits

// Whether a score is to be made again: where squares or a product overflowed, or underflowed. Of vectors that are not
// very short a product that did is no matter: what float32 flushes is below d * 1e-30 of its cosine, and rows that have
// nothing in common are no rarity.
bool lostScore(float product, float squaresA, float squaresB) {
  if (kMetric == kMetricDot) return !isFinite(product);
  return kMetric == kMetricCosine && (!trustedSquares(squaresA) || !trustedSquares(squaresB) ||
                                      (abs(product) < 1e-28 && squaresA * squaresB < 1e-16));
}
