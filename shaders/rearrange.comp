#version 450
// Units of another order: axes transposed, or a part of them.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 9) const uint kUnit = 4;
layout(constant_id = 10) const uint kRank = 1;
layout(std430, set = 0, binding = 0) readonly buffer InpWords { uint inpWords[]; };
layout(std430, set = 0, binding = 0) readonly buffer InpQuads { uvec4 inpQuads[]; };
layout(push_constant) uniform Push { RearrangeParams p; };

#define AXIS(size, stride, place)          \
  if (kRank > place) {                     \
    at += (i % p.size) * p.stride;         \
    i /= p.size;                           \
  }
uint from(uint i) {
  uint at = p.base;
  AXIS(size0, stride0, 0u)
  AXIS(size1, stride1, 1u)
  AXIS(size2, stride2, 2u)
  AXIS(size3, stride3, 3u)
  AXIS(size4, stride4, 4u)
  AXIS(size5, stride5, 5u)
  AXIS(size6, stride6, 6u)
  AXIS(size7, stride7, 7u)
  return at;
}
#include "units.glsl"
uint smallFrom(uint i) {
  const uint at = from(i);
  return partOf(inpWords[at * kUnit / 4u], at);
}
uint wordFrom(uint i) { return inpWords[from(i)]; }
uvec4 quadFrom(uint i) { return inpQuads[from(i)]; }
UNITS_MAIN(1)
