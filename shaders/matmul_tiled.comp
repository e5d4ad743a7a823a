#version 450
// The matrix product for cards, of float32.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 2) const uint kTileRows = 64;
layout(constant_id = 3) const uint kTileColumns = 64;
layout(constant_id = 8) const uint kTransposeA = 0;
layout(constant_id = 9) const uint kTransposeB = 0;
#include "matmul_plain.glsl"
#define COLUMN(j) (x + 16u * (j))
#include "matmul_tiled.glsl"
