// exp, tanh and erf to a few ulp on every driver: the built-in ones of software drivers are good to 1e-5 or so.
// Polynomials are Chebyshev fits.

// 2^k for k in -126 .. 127.
float powerOfTwo(int k) { return uintBitsToFloat(uint(k + 127) << 23); }

// Results below the normal range are 0.
float exactExp(float x) {
  if (isNan(x)) return x;
  const float bounded = clamp(x, -88.0, 89.0);
  const float k = floor(bounded * 1.44269504 + 0.5);
  float r = bounded - k * 0.693359375;  // exact: few bits in the constant
  r += k * 2.12194440e-4;
  float p = 1.392617611924392e-3;
  p = p * r + 8.363173074523434e-3;
  p = p * r + 4.166655466205814e-2;
  p = p * r + 1.66665770255979e-1;
  p = p * r + 0.5;
  p = (p * r) * r + r + 1.0;
  const int whole = int(k), low = whole >> 1;
  const float y = p * powerOfTwo(low) * powerOfTwo(whole - low);
  return x < -87.33654 ? 0.0 : x > 88.72283 ? INFINITY : y;
}

float exactTanh(float x) {
  const float a = abs(x);
  if (a < 0.63) {
    const float z = x * x;
    float p = -6.045165091823745e-3;
    p = p * z + 2.0961329104588464e-2;
    p = p * z - 5.3843263174219926e-2;
    p = p * z + 1.3332718845580657e-1;
    p = p * z - 3.333332843331843e-1;
    return x + x * z * p;
  }
  const float y = 1.0 - 2.0 / (exactExp(2.0 * a) + 1.0);
  return (floatBitsToUint(x) >> 31) != 0u ? -y : y;
}

float sigmoid(float x) { return 1.0 / (1.0 + exactExp(-x)); }

// erfc(x) for x >= 0: exp(-x^2) t P(t), t = 1 / (1 + x / 2).
float erfcPositive(float x) {
  const float t = 1.0 / (1.0 + 0.5 * x);
  float p = 3.239865193313061e-2;
  p = p * t - 1.716289000613836e-1;
  p = p * t + 3.3256865741701847e-1;
  p = p * t - 2.1899327972130245e-1;
  p = p * t - 8.664944662298882e-2;
  p = p * t + 7.456795013815148e-2;
  p = p * t + 3.90575167862546e-2;
  p = p * t + 1.8979546909177775e-1;
  p = p * t + 2.4447910942023224e-1;
  p = p * t + 2.823184276996601e-1;
  p = p * t + 2.820858459115974e-1;
  return exactExp(-x * x) * t * p;
}

// x/2 (1 + erf(x / sqrt 2)); the small side through erfc, so that it keeps its digits.
float gelu(float x) {
  if (isNan(x)) return x;
  const float c = erfcPositive(abs(x) * 0.70710678);
  if (x > 0.0) return isInf(x) ? x : 0.5 * x * (2.0 - c);
  return isInf(x) ? -0.0 : 0.5 * x * c;
}

vec4 exactExp4(vec4 x) { return vec4(exactExp(x.x), exactExp(x.y), exactExp(x.z), exactExp(x.w)); }
