// A parameter block's members as a flat list.
#pragma once
#include <spirv_cross/spirv_cross.hpp>

#include <string>
#include <vector>

#include "program/module.h"

namespace switchyard {

// The plain values of a block, in its order; members of nested structs are called "light.color" or "lights[2].color".
// Throws Error(Compile) for what is none.
std::vector<ProgramParam> flattenBlock(const std::string& who, const spirv_cross::Compiler& compiler,
                                       const spirv_cross::SPIRType& block);
// False if the type has no 32-bit components.
bool scalarOf(const spirv_cross::SPIRType& type, ProgramParam::Scalar& scalar);

}  // namespace switchyard
