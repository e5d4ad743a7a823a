#version 450
// Elements from one format to another: a pair an item.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 2;
layout(constant_id = 9) const uint kFormats = 0;
layout(constant_id = 16) const uint kAllFours = 0;
#include "halves.glsl"
READS(take, 0)
WRITES(put, 1)
layout(push_constant) uniform Push { CastParams p; };

void castPair(uint pair) {
  const uint i = 2u * pair;
  if (i >= p.n) return;
  const bool both = i + 1u < p.n;
  const vec2 x = vec2(take(i), both ? take(i + 1u) : 0.0);
  if (isFloat(1u)) {
    put1(i, x.x);
    if (both) put1(i + 1u, x.y);
  } else {
    put2(pair, x);
  }
}

void main() {
  const uint item = itemIndex();
  if (kItemsPerThread == 2u && kAllFours != 0u) {
    if (4u * item < p.n) put4(item, take4(item));
    return;
  }
  for (uint i = 0; i < kItemsPerThread; ++i) castPair(item * kItemsPerThread + i);
}
