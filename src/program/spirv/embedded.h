// Modules of the shaders that the build embeds.
#pragma once
#include "program/module.h"

namespace switchyard {

// Their parameters are push constants. They are read, not validated; `name` is for messages. Throw Error(Compile).
std::shared_ptr<ProgramModule> embeddedShader(const char* name, std::span<const uint32_t> vertex,
                                              std::span<const uint32_t> fragment);
std::shared_ptr<ProgramModule> embeddedKernel(const char* name, std::span<const uint32_t> compute);

}  // namespace switchyard
