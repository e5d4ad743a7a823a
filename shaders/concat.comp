#version 450
// Rows of a and of b, one behind the other.
#include "common.glsl"
layout(local_size_x = 256) in;
layout(constant_id = 9) const uint kUnit = 4;
layout(std430, set = 0, binding = 0) readonly buffer AWords { uint aWords[]; };
layout(std430, set = 0, binding = 0) readonly buffer AQuads { uvec4 aQuads[]; };
layout(std430, set = 0, binding = 1) readonly buffer BWords { uint bWords[]; };
layout(std430, set = 0, binding = 1) readonly buffer BQuads { uvec4 bQuads[]; };
layout(push_constant) uniform Push { ConcatParams p; };
#include "units.glsl"

// Where unit i comes from: whether from a, and its place there.
bool isOfA(uint i, out uint at) {
  const uint row = i / (p.a + p.b), column = i % (p.a + p.b);
  const bool ofA = column < p.a;
  at = ofA ? row * p.a + column : row * p.b + column - p.a;
  return ofA;
}
uint smallFrom(uint i) {
  uint at;
  const bool ofA = isOfA(i, at);
  return partOf(ofA ? aWords[at * kUnit / 4u] : bWords[at * kUnit / 4u], at);
}
uint wordFrom(uint i) {
  uint at;
  return isOfA(i, at) ? aWords[at] : bWords[at];
}
uvec4 quadFrom(uint i) {
  uint at;
  return isOfA(i, at) ? aQuads[at] : bQuads[at];
}
UNITS_MAIN(2)
