// The cosine of two rows from their product and their sums of squares; 0 when one of them is the zero vector.
float cosine(float product, float squaresA, float squaresB) {
  if (squaresA == 0.0 || squaresB == 0.0) return 0.0;
  return product / (sqrt(squaresA) * sqrt(squaresB));
}

float over(vec4 v) { return (v.x + v.y) + (v.z + v.w); }
