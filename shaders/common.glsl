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

// Specialization constants that the host sets from a launch's parameters (vulkan/spirv.h): 8 + w is word w of them, 16
// + w tells whether it is a multiple of 4; 1 is how many items a thread does, 1 where the count is not a multiple of
// the default.
