// WebGL's shaders as Vulkan's: GLSL ES 1.00 and 3.00 rewritten, token by token, so that they look the same.
#pragma once
#include <string>

namespace switchyard {

enum class ShaderDialect : uint8_t { Vulkan, Es100, Es300, Wgsl };
// By #version, or, without one, by what only one of them has.
ShaderDialect dialectOf(const std::string& source);

struct TranslatedShader {
  std::string vertex, fragment;  // #version 450. Line n of a source is line n of its result, so that a compiler's messages fit
};
// Both of the same dialect, Es100 or Es300. Uniforms of the two become one block at set 0, binding 0 (std140, instance-less, so its
// members keep their names); samplers follow at bindings 1, 2, ... Attributes get locations in the order they are declared
// (`layout(location = n)` is kept). Throws Error(Compile) with line and column.
TranslatedShader translateWebgl(const std::string& vertex, const std::string& fragment);

}  // namespace switchyard
