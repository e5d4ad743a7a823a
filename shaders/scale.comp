#version 450
// out[i] = input[i] * factor + offset.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 11) const uint kFormats = 0;
#include "halves.glsl"
READS(take, 0)
WRITES(put, 1)
layout(push_constant) uniform Push { ScaleParams p; };

float apply(float x) { return wideMulAdd(x, p.factor, p.offset); }

float make1(uint i) { return apply(take(i)); }
vec4 make4(uint quad) {
  const vec4 x = take4(quad);
  return vec4(apply(x.x), apply(x.y), apply(x.z), apply(x.w));
}
#include "elements.glsl"
ELEMENTS_MAIN(1u)
