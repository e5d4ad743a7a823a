#version 450
// The values and indices of the first k of every sorted row.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(std430, set = 0, binding = 0) readonly buffer B0 { float inp[]; };
layout(std430, set = 0, binding = 1) readonly buffer B1 { uint sorted[]; };
layout(std430, set = 0, binding = 2) writeonly buffer B2 { float values[]; };
layout(std430, set = 0, binding = 3) writeonly buffer B3 { int indices[]; };
layout(push_constant) uniform Push { TopKGatherParams p; };


void main() {
  const uint i = itemIndex();
  if (i >= p.rows * p.k) return;
  const uint row = i / p.k, index = sorted[row * p.inStride + i % p.k];
  values[i] = inp[row * p.d + index];
  indices[i] = int(index);
}
