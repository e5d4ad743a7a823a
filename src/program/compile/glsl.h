// Vulkan GLSL to SPIR-V, by shaderc.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "program/glsl/stage.h"

namespace switchyard {

// SPIR-V 1.5 for Vulkan 1.2 as the compiler writes it: not optimised, with every name the source gives. Throws
// Error(Compile), in the words of `webgl` where the source is the translation of that.
std::vector<uint32_t> compileGlsl(const std::string& name, Stage stage, const std::string& source,
                                  const std::string* webgl = nullptr);

// What stands for the compilers in a program's id.
std::string glslCompilerVersion();

}  // namespace switchyard
