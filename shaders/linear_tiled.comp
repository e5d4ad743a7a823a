#version 450
// The matrix product for cards with all that linear.glsl reads and writes.
#define SY_LINEAR
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 2) const uint kTileRows = 64;
layout(constant_id = 3) const uint kTileColumns = 64;
layout(constant_id = 8) const uint kTransposeA = 0;
layout(constant_id = 9) const uint kTransposeB = 0;
layout(constant_id = 12) const uint kFoursOut = 0;
layout(constant_id = 14) const uint kFormats = 0;
layout(constant_id = 15) const uint kHow = 0;
#include "linear.glsl"
#define COLUMN(j) (4u * x + (j))  // whole fours: halves are not written alone
#include "matmul_tiled.glsl"
