// Scores that float32 loses on the way: of rows whose squares or products over- or underflow. They are made again from
// rows times a power of two, after which neither happens. Included where queryAt and baseAt are; a lane takes the fours
// from `begin` on, `step` apart, and JOIN_SUM and JOIN_MAX bring the lanes together.

float over(vec4 v) { return (v.x + v.y) + (v.z + v.w); }

// Turns that are unrolled: loops may be cut (vulkan/loops.h), and a thread has up to sixteen scores to make again.
#define kRescueTurns 8u
#define kLookTurns 16u

// The size of a row by which it is brought near 1: its norm, or where its squares don't give that its largest
// magnitude. A zero vector, and one that is not finite, is not worth care.
#define ROW_SIZE(name, at)                                                                  \
  float name(uint from, float squares, uint begin, uint step) {                             \
    if (trustedSquares(squares)) return sqrt(squares);                                      \
    if (isNan(squares)) return INFINITY;                                                    \
    uint most = 0u; /* magnitudes order like their bits */                                  \
    for (uint first = begin; first < p.d; first += kLookTurns * step)                       \
      [[unroll]] for (uint i = 0; i < kLookTurns; ++i) {                                    \
        const uint c = first + i * step;                                                    \
        if (c >= p.d) continue;                                                             \
        const uvec4 bits = floatBitsToUint(at(from, c)) & 0x7FFFFFFFu;                      \
        most = max(most, max(max(bits.x, bits.y), max(bits.z, bits.w)));                    \
      }                                                                                     \
    return uintBitsToFloat(min(JOIN_MAX(most), kInfBits));                                  \
  }
ROW_SIZE(sizeOfQuery, queryAt)
ROW_SIZE(sizeOfBase, baseAt)
// By the bits: drivers may take denormals for 0.
bool isZero(float size) { return floatBitsToUint(size) == 0u; }
bool isWorthCare(float size) { return !isZero(size) && isFinite(size); }
// The cosine of rows that are not both worth care.
float plainCosine(float sizeQ, float sizeN) { return isZero(sizeQ) || isZero(sizeN) ? 0.0 : NAN; }

// Of rows worth care.
float rescuedScore(uint fromQ, uint fromN, float sizeQ, float sizeN, uint begin, uint step) {
  const float byA = kMetric == kMetricCosine ? towardsOne(sizeQ) : kRescueDown,
              byB = kMetric == kMetricCosine ? towardsOne(sizeN) : kRescueDown;
  vec4 products = vec4(0.0), againA = vec4(0.0), againB = vec4(0.0);
  for (uint first = begin; first < p.d; first += kRescueTurns * step)
    [[unroll]] for (uint i = 0; i < kRescueTurns; ++i) {
      const uint c = first + i * step;
      if (c >= p.d) continue;
      precise vec4 a = queryAt(fromQ, c) * byA;
      precise const vec4 b = baseAt(fromN, c) * byB;
      if (kMetric == kMetricCosine) a *= kCosineUp;
      precise const vec4 product = a * b;
      products += product;
      if (kMetric == kMetricCosine) {
        againA += a * a;
        againB += b * b;
      }
    }
  const float product = JOIN_SUM(over(products));
  if (kMetric == kMetricCosine) return cosine(product, JOIN_SUM(over(againA)), JOIN_SUM(over(againB)));
  return broughtBack(product);
}

// A score that was lost (search.glsl), again; `score` itself where it is what it is.
float scoreAgain(uint fromQ, uint fromN, float sizeQ, float sizeN, float score, uint begin, uint step) {
  if (isWorthCare(sizeQ) && isWorthCare(sizeN)) return rescuedScore(fromQ, fromN, sizeQ, sizeN, begin, step);
  return kMetric == kMetricCosine ? plainCosine(sizeQ, sizeN) : score;
}
