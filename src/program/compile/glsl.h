// Vulkan GLSL to SPIR-V, by shaderc.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace switchyard {

enum class Stage : uint8_t { Compute, Vertex, Fragment };

// How messages call a stage of a program: `kernel "blur"`, `the vertex stage of shader "glow"`.
std::string describeStage(const std::string& name, Stage stage);

// What stands for a source in a compiler's log: the name without what logs are cut at.
std::string logNameOf(const std::string& name);

// SPIR-V 1.5 for Vulkan 1.2 as the compiler writes it: not optimised, with every name the source gives. Throws
// Error(Compile), in the words of `webgl` where the source is the translation of that.
std::vector<uint32_t> compileGlsl(const std::string& name, Stage stage, const std::string& source,
                                  const std::string* webgl = nullptr);

// What stands for the compilers in a program's id.
std::string glslCompilerVersion();

}  // namespace switchyard
