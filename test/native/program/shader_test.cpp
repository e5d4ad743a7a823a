// Shaders: both stages together, what does not fit between them, and blocks of which each declares its part.
#include "compile_fixture.h"

namespace switchyard::test {
namespace {

constexpr const char* kVertex = R"(#version 450
layout(location = 1) in vec2 a_position;
layout(location = 0) in float a_size;
layout(location = 2) in mat2 a_turn;
layout(location = 5) in vec4 a_unused;
layout(location = 0) out vec3 v_color;
layout(binding = 0) uniform P { mat4 view; float time; };
layout(binding = 2) readonly buffer Points { vec4 points[]; };
void main() {
  gl_Position = view * vec4(a_turn * a_position + points[gl_VertexIndex].xy, 0, 1);
  gl_PointSize = a_size * time;
  v_color = vec3(time);
}
)";
constexpr const char* kFragment = R"(#version 450
layout(location = 0) in vec3 v_color;
layout(location = 0) out vec4 color;
layout(binding = 0) uniform P { mat4 view; float time; };
layout(binding = 1) uniform sampler2D u_map;
void main() { color = vec4(v_color * time, 1) * texture(u_map, v_color.xy); }
)";

TEST(ProgramShader, StagesTogether) {
  const auto module = compileShader({.name = "glow", .vertex = kVertex, .fragment = kFragment});
  const ProgramInfo& info = module->info;
  EXPECT_EQ(info.kind, ProgramKind::Shader);
  const std::vector<ProgramAttribute> attributes = {{.name = "a_size", .location = 0, .rows = 1},
                                                    {.name = "a_position", .location = 1, .rows = 2},
                                                    {.name = "a_turn", .location = 2, .rows = 2, .columns = 2}};
  EXPECT_EQ(info.attributes, attributes);
  const std::vector<ProgramBinding> bindings = {
      {.name = "u_map", .kind = ProgramBinding::Kind::Image, .binding = 1, .elementBytes = 0, .readOnly = true},
      {.name = "points",
       .element = Element::Float32,
       .binding = 2,
       .elementBytes = 16,
       .minBytes = 16,
       .readOnly = true}};
  EXPECT_EQ(info.bindings, bindings);
  const std::vector<ProgramParam> params = {{.name = "view", .rows = 4, .columns = 4, .offset = 0, .matrixStride = 16},
                                            {.name = "time", .offset = 64}};
  EXPECT_EQ(info.params, params);
  EXPECT_TRUE(info.paramsAreUniform);
  EXPECT_TRUE(info.wroteOutputs);
  EXPECT_FALSE(info.flipY);
  EXPECT_TRUE(module->compute.empty());
  expectValid(module->vertex);
  expectValid(module->fragment);
}

TEST(ProgramShader, WhatDoesNotFitIsRefused) {
  const std::string vertexStart = "#version 450\n", vertexEnd = "gl_Position = vec4(0); }\n";
  const std::string vertex = vertexStart + "layout(location = 0) out vec3 v;\nvoid main() { v = vec3(1); " + vertexEnd;
  const std::string fragment = "#version 450\nlayout(location = 0) out vec4 c;\n";
  const auto refused = [](const std::string& v, const std::string& f, const std::string& part,
                          Code code = Code::Compile) {
    expectRefused(failureOf([&] { compileShader({.name = "s", .vertex = v, .fragment = f}); }), part, code);
  };
  refused(vertex, fragment + "layout(location = 1) in vec3 w;\nvoid main() { c = vec4(w, 1); }\n",
          "\"w\" (vec3) at location 1, and the vertex stage writes nothing there");
  refused(vertex, fragment + "layout(location = 0) in vec2 w;\nvoid main() { c = vec4(w, 0, 1); }\n",
          "\"w\" (vec2) at location 0, and the vertex stage writes \"v\" (vec3)");
  refused(vertex, fragment + "void main() { }\n", "writes no colour");
  refused(vertex, "#version 450\nlayout(location = 0) out vec3 c;\nvoid main() { c = vec3(1); }\n",
          "must be a vec4, and is vec3");
  refused(vertex, fragment + "layout(location = 1) out vec4 d;\nvoid main() { c = d = vec4(1); }\n",
          "\"d\" at location 1");
  refused(vertex, "#version 450\nlayout(location = 0, index = 1) out vec4 d;\nvoid main() { d = vec4(1); }\n",
          "\"d\" is a second colour");
  refused(vertexStart +
              "layout(location = 0) in vec2 a;\nlayout(location = 0, component = 2) in vec2 b;\nvoid main() { "
              "gl_Position = vec4(a, b); }\n",
          fragment + "void main() { c = vec4(1); }\n", "the attribute \"b\" begins inside its location");
  refused(vertex, fragment + "layout(binding = 0) buffer B { float b[]; };\nvoid main() { c = vec4(b[0]); }\n",
          "must be declared readonly");
  refused(vertex, fragment + "layout(binding = 0) uniform samplerCube u;\nvoid main() { c = texture(u, vec3(1)); }\n",
          "there is sampler2D");
  refused(vertexStart + "layout(push_constant) uniform P { float x; };\nvoid main() { gl_PointSize = x; " + vertexEnd,
          fragment + "layout(push_constant) uniform P { vec2 x; };\nvoid main() { c = x.xyxy; }\n",
          "\"x\" differs between the two stages");
  refused(vertexStart + "layout(push_constant) uniform P { float x; };\nvoid main() { gl_PointSize = x; " + vertexEnd,
          fragment + "layout(push_constant) uniform P { vec2 z; };\nvoid main() { c = z.xyxy; }\n", "overlap");
  refused(vertex, "#version 300 es\nvoid main() {}\n", "different versions");
  refused("@vertex fn main() -> @builtin(position) vec4f { return vec4f(); }",
          "@fragment fn main() -> @location(0) vec4f { return vec4f(); }", "WGSL", Code::Unsupported);
  const Failure failure = failureOf([&] {
    compileShader({.name = "s", .vertex = vertex, .fragment = fragment + "void main() { c = vec4(nope); }\n"});
  });
  expectRefused(failure, "the fragment stage of shader \"s\" does not compile, line 3, column 24: 'nope'");
}

// The stages may share a block, each declaring its part of it.
TEST(ProgramShader, PartsOfOneBlock) {
  const auto module =
      compileShader({.name = "s",
                     .vertex = "#version 450\nlayout(push_constant) uniform P { vec2 at; };\nvoid main() { gl_Position "
                               "= vec4(at, 0, 1); }\n",
                     .fragment = "#version 450\nlayout(location = 0) out vec4 c;\nlayout(push_constant) uniform P { "
                                 "layout(offset = 16) vec4 tint; };\nvoid main() { c = tint; }\n"});
  const std::vector<ProgramParam> params = {{.name = "at", .rows = 2, .offset = 0},
                                            {.name = "tint", .rows = 4, .offset = 16}};
  EXPECT_EQ(module->info.params, params);
  EXPECT_EQ(module->info.paramBytes, 32u);
}

}  // namespace
}  // namespace switchyard::test
