// What the matrix product shaders share: bindings, addresses, and which tile a group does.
#include "vulkan/matmul_params.h"
layout(std430, set = 0, binding = 0) readonly buffer A { float a[]; };
layout(std430, set = 0, binding = 1) readonly buffer B { float b[]; };
layout(std430, set = 0, binding = 2) buffer Out { float outp[]; };
layout(push_constant) uniform Push { MatmulParams p; };

struct Tile {
  uint batch, row, column;
  bool real;  // not one of those that folding the count added
};

Tile tileOf(uint rows, uint columns) {
  const uint across = (p.n + columns - 1u) / columns, down = (p.m + rows - 1u) / rows, index = groupIndex();
  return Tile(index / (across * down), index / across % down * rows, index % across * columns,
              index < across * down * p.batch);
}

uint addressA(uint batch, uint row, uint k) {
  return p.offsetA + batch * p.strideA + (p.transposeA != 0u ? k * p.lda + row : row * p.lda + k);
}
uint addressB(uint batch, uint k, uint column) {
  return p.offsetB + batch * p.strideB + (p.transposeB != 0u ? column * p.ldb + k : k * p.ldb + column);
}
// alpha times a sum that overflowed on the way, made again from factors that are each 2^80 smaller: what is then too
// small for float32 does not count. Unrolled, since loops may be cut (vulkan/loops.h), and a thread has up to 64 such
// sums.
#define kRescueTurns 64u
#define kSumBlock 256u  // products added up in one go, so that the error of long sums of like terms stays small
float rescued(uint batch, uint row, uint column) {
  float sum = 0.0;
  for (uint first = 0; first < p.k; first += kRescueTurns)
    [[unroll]] for (uint i = 0; i < kRescueTurns; ++i) {
      const uint k = first + i;
      if (k >= p.k) continue;
      precise const float x = a[addressA(batch, row, k)] * kRescueDown, y = b[addressB(batch, k, column)] * kRescueDown;
      precise const float product = x * y;
      sum += product;
    }
  // Back by 2^160 in an order in which neither alpha nor the powers overflow before the result does.
  precise const float powerFirst = sum * kRescueBack * p.alpha * kRescueBack;
  precise const float alphaFirst = sum * p.alpha * kRescueBack * kRescueBack;
  return abs(sum) < 1e12 ? powerFirst : alphaFirst;
}

void put(uint batch, uint row, uint column, float value) {
  const uint at = p.offsetOut + batch * p.strideOut + row * p.ldOut + column;
  outp[at] = p.accumulate != 0u ? outp[at] + value : value;
}
// False where the sum overflowed: nothing is stored then, and what is to be stored is what rescued() gives. A sum of
// factors that were not finite is what it is.
bool store(uint batch, uint row, uint column, float sum, bool finiteFactors) {
  if (!isFinite(sum) && finiteFactors) return false;
  put(batch, row, column, p.alpha * sum);
  return true;
}
// Has the sign's bit where x is not finite: of an exponent that is all ones.
uvec4 overflowIfNotFinite(vec4 x) { return (floatBitsToUint(x) & kInfBits) + 0x00800000u; }
uint anySign(uvec4 v) { return v.x | v.y | v.z | v.w; }
uint signs(uvec4 v) {
  v >>= 31u;
  return v.x | v.y << 1u | v.z << 2u | v.w << 3u;
}
