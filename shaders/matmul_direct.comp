#version 450
// The matrix product for software drivers, of float32.
#extension GL_KHR_shader_subgroup_ballot : require
#include "common.glsl"
layout(local_size_x = 32, local_size_x_id = 0) in;
layout(constant_id = 2) const uint kTileRows = 16;
layout(constant_id = 4) const uint kThreadColumns = 4;
layout(constant_id = 8) const uint kTransposeA = 0;
layout(constant_id = 9) const uint kTransposeB = 0;
layout(constant_id = 10) const uint kFoursA = 0;
layout(constant_id = 11) const uint kFoursB = 0;
layout(constant_id = 12) const uint kFoursOut = 0;
layout(constant_id = 21) const uint kFoursK = 0;
#include "matmul_plain.glsl"

// Up to four elements of out from (row, column) on: v is alpha times the sums there.
void finish(uint batch, uint row, uint column, vec4 v) {
  const uint at = p.offsetOut + batch * p.strideOut + row * p.ldOut + column;
  const bool added = (p.added & kAddedOut) != 0u;
  if (kFoursOut != 0u) outp4[at / 4u] = added ? outp4[at / 4u] + v : v;
  else [[unroll]] for (uint i = 0; i < 4u; ++i) if (column + i < p.n) outp[at + i] = added ? outp[at + i] + v[i] : v[i];
}
#include "matmul_direct.glsl"
