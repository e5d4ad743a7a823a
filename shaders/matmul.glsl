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
void store(uint batch, uint row, uint column, float sum) {
  const uint at = p.offsetOut + batch * p.strideOut + row * p.ldOut + column;
  const float value = p.alpha * sum;
  outp[at] = p.accumulate != 0u ? outp[at] + value : value;
}
