// The cosine of two rows from their product and their sums of squares; 0 when one of them is the zero vector. Rounding
// may leave that of a vector with itself a little above 1.
float cosine(float product, float squaresA, float squaresB) {
  if (squaresA == 0.0 || squaresB == 0.0) return 0.0;
  const float c = product / (sqrt(squaresA) * sqrt(squaresB));
  return c > 1.0 ? 1.0 : c < -1.0 ? -1.0 : c;
}

const float kLargeSquares = 3e38;  // in place of squares where they are not asked for: products may only overflow

// A product of two rows that were too large, and were multiplied with kRescueDown.
float broughtBack(float product) {
  precise const float back = product * kRescueBack * kRescueBack;
  return back;
}

// Whether a score is to be made again.
bool lostScore(float score, float squaresA, float squaresB) {
  if (kMetric == kMetricCosine) return !trustedSquares(squaresA) || !trustedSquares(squaresB);
  return kMetric == kMetricDot && !isFinite(score);
}
