#version 450
// The plain matrix product that the benchmark compares with: one thread an element, a 16 x 16 tile a group.
#include "common.glsl"
layout(local_size_x = 16, local_size_y = 16) in;
#include "matmul_plain.glsl"
layout(constant_id = 2) const uint kTileRows = 16;
layout(constant_id = 3) const uint kTileColumns = 16;

void main() {
  const Tile t = tileOf(kTileRows, kTileColumns);
  const uint row = t.row + gl_LocalInvocationID.y, column = t.column + gl_LocalInvocationID.x;
  if (!t.real || row >= p.m || column >= p.n) return;
  float sum = 0.0;
  for (uint k = 0; k < p.k; ++k) sum += factorA(t.batch, row, k) * factorB(t.batch, k, column);
  if (!store(t.batch, row, column, sum, true)) put(t.batch, row, column, rescued(t.batch, row, column));
}
