// Scores that float32 loses on the way: of rows whose squares or products over- or underflow. They are made again from
// rows times a power of two, after which neither happens. Included where queryAt and baseAt are; a lane takes the fours
// from `begin` on, `step` apart, and JOIN_SUM and JOIN_MAX bring the lanes together.

float over(vec4 v) { return (v.x + v.y) + (v.z + v.w); }

// Turns that are unrolled: loops may be cut (vulkan/loops.h), and a thread has up to sixteen scores to make again.
#define kRescueTurns 8u
#define kLookTurns 16u

// Which rows are worth that: no zero vector, and none that is not finite. Their squares tell it, or a look at them.
const uint kWorthCare = 0u, kZero = 1u, kNotFinite = 2u, kUnknown = 3u;
#define ROW_KIND(name, at)                                                                  \
  uint name(uint from, float squares, uint begin, uint step) {                              \
    if (trustedSquares(squares)) return kWorthCare;                                         \
    if (isNan(squares)) return kNotFinite;                                                  \
    uint most = 0u; /* magnitudes order like their bits */                                  \
    for (uint first = begin; first < p.d; first += kLookTurns * step)                       \
      [[unroll]] for (uint i = 0; i < kLookTurns; ++i) {                                    \
        const uint c = first + i * step;                                                    \
        if (c >= p.d) continue;                                                             \
        const uvec4 bits = floatBitsToUint(at(from, c)) & 0x7FFFFFFFu;                      \
        most = max(most, max(max(bits.x, bits.y), max(bits.z, bits.w)));                    \
      }                                                                                     \
    most = JOIN_MAX(most);                                                                  \
    return most == 0u ? kZero : most < kInfBits ? kWorthCare : kNotFinite;                  \
  }
ROW_KIND(kindOfQuery, queryAt)
ROW_KIND(kindOfBase, baseAt)
// The cosine of rows that are not both worth care.
float plainCosine(uint kindQ, uint kindN) { return kindQ == kZero || kindN == kZero ? 0.0 : NAN; }

float rescuedScore(uint fromQ, uint fromN, float squaresA, float squaresB, uint begin, uint step) {
  const float byA = rescuePower(squaresA), byB = rescuePower(squaresB);
  vec4 products = vec4(0.0), againA = vec4(0.0), againB = vec4(0.0);
  for (uint first = begin; first < p.d; first += kRescueTurns * step)
    [[unroll]] for (uint i = 0; i < kRescueTurns; ++i) {
      const uint c = first + i * step;
      if (c >= p.d) continue;
      precise const vec4 a = queryAt(fromQ, c) * byA, b = baseAt(fromN, c) * byB;
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
