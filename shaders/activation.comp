#version 450
// relu, gelu, silu, tanh, sigmoid, exp or gelu-tanh of every element.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 1) const uint kItemsPerThread = 4;
layout(constant_id = 9) const uint kKind = 0;
layout(constant_id = 10) const uint kFormats = 0;
#include "math.glsl"
#include "activations.glsl"
#include "halves.glsl"
READS(take, 0)
WRITES(put, 1)
layout(push_constant) uniform Push { ActivationParams p; };

float make1(uint i) { return activated(kKind, take(i)); }
vec4 make4(uint quad) {
  const vec4 x = take4(quad);
  return vec4(activated(kKind, x.x), activated(kKind, x.y), activated(kKind, x.z), activated(kKind, x.w));
}
#include "elements.glsl"
ELEMENTS_MAIN(1u)
