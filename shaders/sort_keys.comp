#version 450
// Sort keys of every row, padded to a power of two.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 14) const uint kFormats = 0;
#include "halves.glsl"
#include "sort.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) writeonly buffer B1 { uint keys[]; };
layout(std430, set = 0, binding = 2) writeonly buffer B2 { uint indices[]; };
layout(push_constant) uniform Push { SortParams p; };


void main() {
  const uint i = itemIndex();
  if (i >= p.rows * p.padded) return;
  const uint row = i / p.padded, column = i % p.padded;
  const bool real = column < p.d;
  keys[i] = real ? sortKey(take(row * p.d + column), p.largest != 0u) : kNoKey;
  indices[i] = real ? column : kNoIndex;
}
