#version 450
// The product of rows of 8-bit codes for cards that multiply four codes at once: the tiles of matmul_tiled.glsl, whose
// words are four codes each. Rows of both are whole words, and have a scale each.
#extension GL_EXT_spirv_intrinsics : require
#define SY_LINEAR
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 2) const uint kTileRows = 64;
layout(constant_id = 3) const uint kTileColumns = 64;
layout(constant_id = 12) const uint kFoursOut = 0;
layout(constant_id = 14) const uint kFormats = 0;
layout(constant_id = 15) const uint kHow = 0;
#include "linear.glsl"
// OpSDotKHR with PackedVectorFormat4x8Bit: this version of glslc has no name for it.
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int dot4x8(int a, int b, spirv_literal int format);
#define kTile 64u
#define kDepth 16u
#define kMostCodes 65536u  // whose products fit into 32 bits together
shared int left[kDepth][kTile + 1u], right[kDepth][kTile + 1u];

void main() {
  const Tile t = tileOf(kTileRows, kTileColumns);
  if (!t.real) return;
  const uint lane = gl_LocalInvocationID.x, x = lane % 16u, y = lane / 16u, words = p.k / 4u;
  int sum[4][4];
  float total[4][4];
  [[unroll]] for (uint i = 0; i < 16u; ++i) {
    sum[i / 4u][i % 4u] = 0;
    total[i / 4u][i % 4u] = 0.0;
  }
  for (uint k0 = 0; k0 < words; k0 += kDepth) {
    if (4u * k0 % kMostCodes == 0u)
      [[unroll]] for (uint i = 0; i < 16u; ++i) {
        total[i / 4u][i % 4u] += float(sum[i / 4u][i % 4u]);
        sum[i / 4u][i % 4u] = 0;
      }
    [[unroll]] for (uint i = 0; i < 4u; ++i) {
      const uint at = i * 256u + lane, k = at % kDepth, row = t.row + at / kDepth, column = t.column + at / kDepth;
      const bool inside = k0 + k < words;
      left[k][at / kDepth] =
        inside && row < p.m ? int(floatsAWords[(p.offsetA + row * p.lda) / 4u + k0 + k]) : 0;
      right[k][at / kDepth] =
        inside && column < p.n ? int(floatsBWords[(p.offsetB + column * p.ldb) / 4u + k0 + k]) : 0;
    }
    barrier();
    [[unroll]] for (uint k = 0; k < kDepth; ++k) {
      int l[4], r[4];
      [[unroll]] for (uint i = 0; i < 4u; ++i) {
        l[i] = left[k][y + 16u * i];
        r[i] = right[k][4u * x + i];
      }
      [[unroll]] for (uint i = 0; i < 4u; ++i)
        [[unroll]] for (uint j = 0; j < 4u; ++j) sum[i][j] += dot4x8(l[i], r[j], 0);
    }
    barrier();
  }
  const uint column = t.column + 4u * x;
  if (column >= p.n) return;
  const vec4 scale = columnScales(column);
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    const uint row = t.row + y + 16u * i;
    vec4 v;
    [[unroll]] for (uint j = 0; j < 4u; ++j) v[j] = p.alpha * ((total[i][j] + float(sum[i][j])) * scale[j]);
    if (row < p.m) finish(t.batch, row, column, v);
  }
}
