// What the matrix product shaders share: addresses, which tile a group does, and sums that overflowed. What is read,
// matmul_plain.glsl and linear.glsl say: p, elements of a and b by their place, and scaleOf(column, k), which b's are
// times.
struct Tile {
  uint batch, row, column;
  bool real;  // not one of those that folding the count added
};

Tile tileOf(uint rows, uint columns) {
  const uint across = (p.n + columns - 1u) / columns, down = (p.m + rows - 1u) / rows, index = groupIndex();
  return Tile(index / (across * down), index / across % down * rows, index % across * columns,
              index < across * down * p.batch);
}

float factorA(uint batch, uint row, uint k) {
  return takeA(p.offsetA + batch * p.strideA + (p.transposeA != 0u ? k * p.lda + row : row * p.lda + k));
}
float factorB(uint batch, uint k, uint column) {
  const uint at = p.offsetB + batch * p.strideB + (p.transposeB != 0u ? column * p.ldb + k : k * p.ldb + column);
  return takeB(at) * scaleOf(column, k);
}
// alpha times a sum that overflowed on the way, made again from factors that are each 2^80 smaller: what is then too
// small for float32 does not count. Unrolled, since loops may be cut (vulkan/loops.h), and a thread has up to 64 such
// sums; less so where factors take many instructions, whose sums are therefore shorter there (queue.cpp).
#ifdef SY_LINEAR
#define kRescueTurns 16u
#else
#define kRescueTurns 64u
#endif
#define kSumBlock 256u  // products added up in one go, so that the error of long sums of like terms stays small
float rescued(uint batch, uint row, uint column) {
  float sum = 0.0;
  for (uint first = 0; first < p.k; first += kRescueTurns)
    [[unroll]] for (uint i = 0; i < kRescueTurns; ++i) {
      const uint k = first + i;
      if (k >= p.k) continue;
      precise const float x = factorA(batch, row, k) * kRescueDown, y = factorB(batch, k, column) * kRescueDown;
      precise const float product = x * y;
      sum += product;
    }
  // Back by 2^160 in an order in which neither alpha nor the powers overflow before the result does.
  precise const float powerFirst = sum * kRescueBack * p.alpha * kRescueBack;
  precise const float alphaFirst = sum * p.alpha * kRescueBack * kRescueBack;
  return abs(sum) < 1e12 ? powerFirst : alphaFirst;
}

// Has the sign's bit where x is not finite: of an exponent that is all ones.
uvec4 overflowIfNotFinite(vec4 x) { return (floatBitsToUint(x) & kInfBits) + 0x00800000u; }
uint anySign(uvec4 v) { return v.x | v.y | v.z | v.w; }
uint signs(uvec4 v) {
  v >>= 31u;
  return v.x | v.y << 1u | v.z << 2u | v.w << 3u;
}
