// WebGL's shaders as Vulkan's: GLSL ES 1.00 and 3.00 rewritten, token by token, so that they look the same.
#pragma once
#include <cstdint>
#include <string>

namespace switchyard {

enum class ShaderDialect : uint8_t { Vulkan, Es100, Es300, Wgsl };
// By #version, or, without one, by what only one of them has.
ShaderDialect dialectOf(const std::string& source);

struct TranslatedShader {
  std::string vertex, fragment;  // #version 450, then #line 1: line n of a source is line n for a compiler's messages
};
// Both of the same dialect, Es100 or Es300. What comes out:
// - The loose uniforms of the two, and the members of uniform blocks, are the members of one block, `SyUniforms`, at
//   set 0, binding 0:
//   std140, without an instance name, with the same offsets in both stages: the vertex stage's in the order they are
//     declared, then the
//   fragment stage's others. A block with an instance name is a member of that name: "instance.member". Where
//     gl_FragCoord is used, the
//   last member is kWebglViewport, which whoever draws fills in. A bool is a uint of 0 or 1 to reflection.
// - `sampler2D`s stand at set 0, bindings 1, 2, ..., in the same order, with the same numbers in both stages, in those
//   that declare them.
// - Attributes have the locations they ask for (`layout(location = n)`), else the lowest that are free, in the order
//   they are declared;
//   one of a matrix takes a location a column. Varyings are matched by name. The colour is at location 0; unwritten, it
//     is all zeros.
// - Depth is 0..w at the end of the vertex stage. y still points up: the viewport must have a negative height.
//   gl_FragCoord.y and dFdy
//   are WebGL's. gl_PointSize is 1 until it is written.
// Names that Vulkan's GLSL keeps for itself get a prefix: see webglName(). Throws Error(Compile) with line and column,
// for what WebGL would refuse, and for what is not supported: cube, 3D, array, integer and shadow samplers, arrays of
// samplers, samplers in structs, and more than one colour.
TranslatedShader translateWebgl(const std::string& vertex, const std::string& fragment);

// vec2: width and height of the picture in pixels.
inline constexpr const char* kWebglViewport = "sy_viewport";

// The names of a source for those of its translation: of one name ("sy_as_sample" is "sample"), of members
// ("light.sy_as_filter"), or of every name in a compiler's log.
std::string webglName(const std::string& text);

}  // namespace switchyard
