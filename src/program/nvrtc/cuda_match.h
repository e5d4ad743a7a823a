// A CUDA kernel's parameters, which have no names in its code, and the names that callers use.
#pragma once
#include "program/nvrtc/nvrtc.h"

namespace switchyard {

// Puts the kernel into the module. Where the module has SPIR-V, its names and types must be the SPIR-V's; else info is
// made from it. `names` has as many items as the kernel has parameters. Throws Error(Compile).
void matchCuda(CudaKernel kernel, const std::vector<std::string>& names, uint32_t arch, ProgramModule& module);

}  // namespace switchyard
