// What every kernel shares: linear indices, special values by their bits. A shader includes this, then says its group
// size, then includes the rest: gl_WorkGroupSize is 1 where it is used before the layout.
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#include "params.h"

// The unit of a Groups kernel; launches fold a large count into two dimensions.
uint groupIndex() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
// The item of an Items kernel that does one item a thread.
#define itemIndex() (groupIndex() * gl_WorkGroupSize.x + gl_LocalInvocationID.x)

// By the bits: drivers are free to assume that comparisons meet no NaN.
bool isNan(float x) { return (floatBitsToUint(x) & 0x7FFFFFFFu) > 0x7F800000u; }
bool isInf(float x) { return (floatBitsToUint(x) & 0x7FFFFFFFu) == 0x7F800000u; }
const uint kNanBits = 0x7FC00000u, kInfBits = 0x7F800000u;
#define NAN uintBitsToFloat(kNanBits)
#define INFINITY uintBitsToFloat(kInfBits)
// Larger than 0 and neither denormal, infinite nor NaN.
bool isNormal(float x) {
  const uint bits = floatBitsToUint(x);
  return bits >= 0x00800000u && bits < 0x7F800000u;
}

bool isFinite(float x) { return (floatBitsToUint(x) & 0x7FFFFFFFu) < 0x7F800000u; }
bool allFinite(vec4 v) { return all(lessThan(floatBitsToUint(v) & 0x7FFFFFFFu, uvec4(0x7F800000u))); }
// False where a sum of squares may have over- or underflowed, or is NaN: it is then made again from scaled elements.
bool trustedSquares(float sum) { return sum >= 1e-30 && sum <= 1e38; }
// What a row of such a sum is multiplied with so that its squares, and products of two such rows, are what float32
// holds: of 1e-30 and less all elements are below 1e-15; of 1e38 and more one is so large that small ones don't count.
const float kRescueDown = 8.271806125530277e-25, kRescueUp = 1.2676506002282294e30;  // 2^-80, 2^100
const float kRescueBack = 1.2089258196146292e24;                                     // 2^80
float rescuePower(float squares) { return trustedSquares(squares) ? 1.0 : squares < 1.0 ? kRescueUp : kRescueDown; }
// The power of two that brings a magnitude near 1 (at most to 4, a denormal at least to 2^-23).
float towardsOne(float magnitude) {
  const int exponent = int(floatBitsToUint(magnitude) >> 23) & 0xFF;
  return uintBitsToFloat(uint(clamp(254 - exponent, 1, 253)) << 23);
}

// a * b + c; where the product alone overflows, a quarter as large. `precise`, here and elsewhere: drivers may not
// bring constants together, which is what they are apart for.
float wideMulAdd(float a, float b, float c) {
  const float y = a * b + c;
  precise const float quarter = a * 0.25 * b + c * 0.25;
  return isFinite(y) ? y : quarter * 4.0;
}

// Specialization constants that the host sets from a launch's parameters (vulkan/spirv.h): 8 + w is word w of them, 16
// + w tells whether it is a multiple of 4; 1 is how many items a thread does, 1 where the count is not a multiple of
// the default.
