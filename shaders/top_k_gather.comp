#version 450
// The values and indices of the first k of every sorted row.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 13) const uint kFormats = 0;
#include "halves.glsl"
READS(take, 0)
layout(std430, set = 0, binding = 1) readonly buffer B1 { uint sorted[]; };
WRITES(put, 2)
layout(std430, set = 0, binding = 3) writeonly buffer B3 { int indices[]; };
layout(push_constant) uniform Push { TopKGatherParams p; };

float gathered(uint i) {
  const uint row = i / p.k, index = sorted[row * p.inStride + i % p.k];
  indices[i] = int(index);
  return take(row * p.d + index);
}

void main() {
  const uint item = itemIndex(), count = p.rows * p.k;
  if (isFloat(2)) {
    if (item < count) put1(item, gathered(item));
  } else if (2u * item < count) {
    const float low = gathered(2u * item);
    put2(item, vec2(low, 2u * item + 1u < count ? gathered(2u * item + 1u) : 0.0));
  }
}
