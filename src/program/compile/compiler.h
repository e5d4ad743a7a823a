// From sources to modules: GLSL by shaderc, SPIR-V checked by SPIRV-Tools and read by SPIRV-Cross, CUDA C++ by NVRTC.
#pragma once
#include <optional>

#include "program/module.h"

namespace switchyard {

struct KernelSource {
  std::string name;
  std::optional<std::string> glsl;             // a compute shader, #version 450
  std::optional<std::vector<uint32_t>> spirv;  // instead of glsl
  // CUDA C++; entry: the __global__ function called `name`, or the only one
  std::optional<std::string> cuda;
  // names: with cuda, of all the kernel's parameters in order; with spirv, of its buffers by binding
  std::vector<std::string> bindings;
  uint32_t cudaArch = 0;  // compute capability, 75 for 7.5; 0: 75
  // Of the CUDA source alone: options of NVRTC, bytes of dynamic shared memory of each block, and whether it uses what
  // only that architecture has (sm_90a), which makes code for it alone.
  std::vector<std::string> cudaOptions;
  uint32_t sharedBytes = 0;
  bool cudaOwnFeatures = false;
};
struct ShaderSource {
  // Vulkan GLSL (#version 450), or WebGL's: GLSL ES 1.00 (no #version) and 3.00 (#version 300 es)
  std::string name, vertex, fragment;
};

constexpr size_t kMaxSourceBytes = 1 << 20;

// What needs no compiler: names and sizes. Cheap. Throws Error(InvalidArgument).
void checkSource(const KernelSource& source);
void checkSource(const ShaderSource& source);

// What decides the result, the compilers' versions included. Cheap: no compiler is loaded but to ask NVRTC for its
// version.
ProgramId programId(const KernelSource& source);
ProgramId programId(const ShaderSource& source);

// Thread-safe, may take seconds: never on an event loop. Throw Error: Compile, with the compiler's log in `log` and
// line and column in `line` and `column`, for what does not compile, is not valid, or breaks a limit (above, or of
// module.h); InvalidArgument for what is no source; Unsupported for WGSL, and for CUDA alone where NVRTC is not found.
// With GLSL and CUDA both, CUDA is left out where NVRTC is not there.
std::shared_ptr<ProgramModule> compileKernel(const KernelSource& source);
std::shared_ptr<ProgramModule> compileShader(const ShaderSource& source);

}  // namespace switchyard
