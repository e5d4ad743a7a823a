// A matrix product of float32 and nothing else: what it reads, and how sums are stored.
#include "vulkan/matmul_params.h"
layout(std430, set = 0, binding = 0) readonly buffer A { float a[]; };
layout(std430, set = 0, binding = 0) readonly buffer A4 { vec4 a4[]; };
layout(std430, set = 0, binding = 1) readonly buffer B { float b[]; };
layout(std430, set = 0, binding = 1) readonly buffer B4 { vec4 b4[]; };
layout(std430, set = 0, binding = 2) buffer Out { float outp[]; };
layout(std430, set = 0, binding = 2) buffer Out4 { vec4 outp4[]; };
layout(push_constant) uniform Push { MatmulParams p; };

float takeA(uint i) { return a[i]; }
vec4 takeA4(uint quad) { return a4[quad]; }
float takeB(uint i) { return b[i]; }
vec4 takeB4(uint quad) { return b4[quad]; }
float scaleOf(uint column, uint k) { return 1.0; }
vec4 scaled(vec4 x, uint column, uint k) { return x; }
float scaledOne(float x, uint column, uint k) { return x; }
#include "matmul.glsl"

void put(uint batch, uint row, uint column, float value) {
  const uint at = p.offsetOut + batch * p.strideOut + row * p.ldOut + column;
  outp[at] = (p.added & kAddedOut) != 0u ? outp[at] + value : value;
}
// False where the sum overflowed: nothing is stored then, and what is to be stored is what rescued() gives. A sum of
// factors that were not finite is what it is.
bool store(uint batch, uint row, uint column, float sum, bool finiteFactors) {
  if (!isFinite(sum) && finiteFactors) return false;
  put(batch, row, column, p.alpha * sum);
  return true;
}
