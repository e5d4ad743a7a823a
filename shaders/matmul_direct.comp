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
#include "matmul_direct.glsl"
