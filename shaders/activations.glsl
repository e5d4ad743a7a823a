// The activations of params.h, one element at a time.

// x / (1 + e^-y) for y of x's sign. Left of 0 x e^y / (1 + e^y), with e^y in two halves: e^-y overflows where the
// result is still normal.
float gated(float x, float y) {
  if (isNan(x)) return x;
  const float a = exactExp(-0.5 * abs(y));
  precise const float left = max(x, -3.402823466e38) * a * a;  // 0 at -infinity
  return (x < 0.0 ? left : x) / (1.0 + a * a);
}

float silu(float x) { return gated(x, x); }

// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), which is x times the sigmoid of twice that argument.
float geluTanh(float x) { return gated(x, x * (x * x * 0.0713548162726 + 1.5957691216057308)); }

float activated(uint kind, float x) {
  if (kind == kActivationRelu) return isNan(x) ? x : x > 0.0 ? x : 0.0;
  if (kind == kActivationGelu) return gelu(x);
  if (kind == kActivationSilu) return silu(x);
  if (kind == kActivationTanh) return exactTanh(x);
  if (kind == kActivationSigmoid) return sigmoid(x);
  if (kind == kActivationGeluTanh) return geluTanh(x);
  return exactExp(x);
}
