// WebGL's shaders: every pair of test/shaders/webgl compiles; each rule of the translation; errors where they are;
// nonsense does no harm.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "error.h"
#include "program/compile/compiler.h"
#include "program/webgl/webgl.h"

namespace switchyard::test {
namespace {

namespace fs = std::filesystem;

std::string textOf(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
fs::path folder() { return SWITCHYARD_TEST_SHADERS "/webgl"; }

std::vector<ShaderSource> drawings() {
  std::vector<ShaderSource> sources;
  for (const auto& entry : fs::directory_iterator(folder()))
    if (entry.path().extension() == ".vert")
      sources.push_back({entry.path().stem().string(), textOf(entry.path()),
                         textOf(fs::path(entry.path()).replace_extension(".frag"))});
  std::sort(sources.begin(), sources.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return sources;
}
ShaderSource drawing(const std::string& name) {
  for (ShaderSource& one : drawings())
    if (one.name == name) return one;
  throw std::runtime_error("no drawing " + name);
}

const std::string kVertex =
    "attribute vec2 a;\nvarying vec2 v;\nvoid main() { v = a; gl_Position = vec4(a, 0.0, 1.0); }\n";
const std::string kFragment =
    "precision mediump float;\nvarying vec2 v;\nvoid main() { gl_FragColor = vec4(v, 0.0, 1.0); }\n";

std::shared_ptr<ProgramModule> compiled(const std::string& vertex, const std::string& fragment) {
  return compileShader({"test", vertex, fragment});
}
std::string fragmentOf(const std::string& body) { return "precision mediump float;\nvarying vec2 v;\n" + body + "\n"; }

template <typename Items>
std::string namesOf(const Items& items) {
  std::string names;
  for (const auto& item : items) names += (names.empty() ? "" : " ") + item.name;
  return names;
}

struct Refusal {
  uint32_t line = 0, column = 0;
  std::string text;
};
Refusal refusalOf(const std::string& vertex, const std::string& fragment) {
  try {
    compiled(vertex, fragment);
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::Compile) << error.what();
    return {error.details.line, error.details.column, error.what()};
  }
  ADD_FAILURE() << "not refused:\n" << vertex << fragment;
  return {};
}

TEST(Webgl, TellsDialectsApart) {
  const std::pair<const char*, ShaderDialect> cases[] = {
      {"#version 300 es\nvoid main(){}", ShaderDialect::Es300},
      {"// #version 450\n#version 100\n", ShaderDialect::Es100},
      {"#version 450\n", ShaderDialect::Vulkan},
      {"#version 310 es\n", ShaderDialect::Vulkan},
      {"attribute vec2 a;", ShaderDialect::Es100},
      {"", ShaderDialect::Es100},
      {"void main() {}", ShaderDialect::Es100},
      {"/* layout( */ void main() {}", ShaderDialect::Es100},
      {"layout(set = 0, binding = 1) uniform U { int a; };", ShaderDialect::Vulkan},
      {"@vertex\nfn main() {}", ShaderDialect::Wgsl},
      {"fn shade(a: f32) -> f32 { return a; }", ShaderDialect::Wgsl},
      {"@group(0) @binding(0) var<uniform> u: U;", ShaderDialect::Wgsl}};
  for (const auto& [source, dialect] : cases) EXPECT_EQ(dialectOf(source), dialect) << source;
}

TEST(Webgl, EveryDrawingCompiles) {
  const std::vector<ShaderSource> sources = drawings();
  ASSERT_GE(sources.size(), 9u);
  for (const ShaderSource& source : sources) {
    SCOPED_TRACE(source.name);
    std::shared_ptr<ProgramModule> module;
    ASSERT_NO_THROW(
        try { module = compileShader(source); } catch (const Error& error) {
          ADD_FAILURE() << error.what() << '\n' << error.details.log;
          throw;
        });
    EXPECT_TRUE(module->info.flipY);
    EXPECT_FALSE(module->info.attributes.empty());
  }
}

TEST(Webgl, CallersGiveByTheNamesOfTheSource) {
  const ProgramInfo names = compileShader(drawing("taken-names"))->info;
  EXPECT_EQ(namesOf(names.attributes), "sample buffer");
  EXPECT_EQ(namesOf(names.params), "inverse shared sy_scale");
  EXPECT_EQ(namesOf(names.bindings), "filter sampler");
  EXPECT_EQ(names.bindings[0].binding, 1u);
  EXPECT_EQ(names.bindings[1].binding, 2u);
  const ProgramInfo same = compileShader(drawing("same-names"))->info;
  EXPECT_EQ(namesOf(same.attributes), "position offset color");
  EXPECT_EQ(namesOf(same.params), "angle color position");
  const ProgramInfo bars = compileShader(drawing("bars-es300"))->info;
  EXPECT_EQ(namesOf(bars.attributes), "a_place a_category a_height");
  EXPECT_EQ(namesOf(bars.params), "transform barSize u_grow u_palette u_selected");
  const ProgramInfo lines = compileShader(drawing("grid-lines"))->info;
  EXPECT_EQ(namesOf(lines.params), std::string("u_resolution ") + kWebglViewport);
}

TEST(Webgl, NamesComeBackFromLogs) {
  EXPECT_EQ(webglName("sy_as_sample"), "sample");
  EXPECT_EQ(webglName("light.sy_as_filter[2].sy_as_sy_x"), "light.filter[2].sy_x");
  EXPECT_EQ(webglName("sy_unused_sy_as_buffer"), "buffer");
  EXPECT_EQ(webglName("easy_as_pie sy_viewport 'sy_as_round'"), "easy_as_pie sy_viewport 'round'");
  EXPECT_EQ(webglName("sy_as_sy_as_x"), "sy_as_x");
}

TEST(Webgl, EachRule) {
  const auto vertexHas = [](const std::string& source, const std::string& part) {
    const std::string text = translateWebgl(source, kFragment).vertex;
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  };
  const auto fragmentHas = [](const std::string& body, const std::string& part) {
    const std::string text = translateWebgl(kVertex, fragmentOf(body)).fragment;
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    EXPECT_NO_THROW(compiled(kVertex, fragmentOf(body))) << text;
  };
  vertexHas(kVertex, "layout(location = 0) in vec2 a;");
  vertexHas(kVertex, "layout(location = 0) out vec2 v;");
  vertexHas(kVertex, "gl_PointSize = 1.0;");
  vertexHas(kVertex, "gl_Position.z = 0.5 * (gl_Position.z + gl_Position.w);");
  vertexHas("invariant gl_Position;\n" + kVertex, "invariant gl_Position;");
  fragmentHas("void main() { gl_FragColor = vec4(gl_FragCoord.y); }", "sy_viewport.y - gl_FragCoord.y");
  fragmentHas("void main() { gl_FragColor = vec4(dFdy(v.x)); }", "return -dFdy(p);");
  fragmentHas("void main() { gl_FragColor = vec4(smoothstep(1.0, 0.0, v), 0.0, 1.0); }",
              "clamp((x - a) / (b - a), 0.0, 1.0)");
  fragmentHas("void main() { gl_FragColor = vec4(smoothstep(vec2(1.0), vec2(0.0), v), 0.0, gl_DepthRange.far); }",
              "sy_DepthRange");
  fragmentHas("void main() { gl_FragData[0] = vec4(v, float(gl_MaxDrawBuffers), 1.0); }", "sy_FragColor = vec4");
  fragmentHas("#extension GL_EXT_frag_depth : require\nvoid main() { gl_FragDepthEXT = 0.5; }", "gl_FragDepth");
  fragmentHas(
      "#extension GL_EXT_shader_texture_lod : require\nuniform sampler2D s;\nvoid main() { gl_FragColor = "
      "texture2DLodEXT(s, v, 1.0) + texture2DProj(s, vec3(v, 1.0)); }",
      "textureLod");
  fragmentHas(
      "#if defined(GL_ES) && __VERSION__ == 100 && !defined NONE && (1 << 3) / 2 == 4 || 1 / 0\nuniform lowp float "
      "u;\n#else\n#error no\n#endif\n"
      "void main() { gl_FragColor = vec4(u * float(__LINE__)); }",
      "float ( 8 )");
  fragmentHas("#define F(x, y) (x * G(y))\n#define G(x) F(x, 1.0)\nfloat F;\nvoid main() { gl_FragColor = vec4(2.0); }",
              "float F ;");
  fragmentHas("#define f(x) x\n#define g f(\nvoid main() { gl_FragColor = vec4(g 1.0), f\n(2.0), 3.0, f(f(4.0))); }",
              "4.0");
  fragmentHas("float f(float v) { float v = v; return v; } void main() { gl_FragColor = vec4(f(1.0)); }", "{ {");
  fragmentHas("varying vec2 nowhere;\nvoid main() { }", "vec2 nowhere;");
}

TEST(Webgl, BothStagesHaveOneBlock) {
  const std::string vertex =
      "uniform float size; struct S { vec3 c; float f[2]; }; uniform S s[2]; uniform bool on;\n" + kVertex;
  const std::string fragment = fragmentOf(
      "uniform bool on; uniform mat3 m; uniform float size; void main() { gl_FragColor = vec4(m[0] * size, float(on)); "
      "}");
  const ProgramInfo info = compiled(vertex, fragment)->info;
  EXPECT_EQ(namesOf(info.params), "size s[0].c s[0].f s[1].c s[1].f on m");
  const std::pair<const char*, uint32_t> offsets[] = {
      {"size", 0}, {"s[0].c", 16}, {"s[1].f", 80}, {"on", 112}, {"m", 128}};
  for (const auto& [name, offset] : offsets)
    for (const ProgramParam& param : info.params) {
      if (param.name == name) {
        EXPECT_EQ(param.offset, offset) << name;
      }
    }
  EXPECT_TRUE(info.paramsAreUniform);
  EXPECT_EQ(info.paramBinding, 0u);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

// What only dead code names is as unused as what nothing names.
TEST(Webgl, DeclaredAndUnusedIsKnownByName) {
  const ProgramInfo none = compiled("uniform float u_time;\nattribute vec3 normal;\n" + kVertex,
                                    "uniform sampler2D map;\nuniform vec2 size;\n" + kFragment)
                               ->info;
  EXPECT_EQ(namesOf(none.attributes), "a");
  EXPECT_TRUE(none.bindings.empty());
  EXPECT_EQ(joined(none.unused.attributes), "normal");
  EXPECT_EQ(joined(none.unused.uniforms), "map size u_time");

  const std::string vertex =
      "struct Light { vec3 colour; vec3 place; }; uniform Light light; uniform Light all[2]; uniform float u_time;\n"
      "attribute vec2 uv; attribute vec3 normal; varying vec2 v_uv; varying vec3 v_normal;\n"
      "attribute vec2 a; varying vec2 v; float sample(float x) { return x; }\n"
      "void main() { v = a; v_uv = uv * 2.0; v_normal = normalize(normal); float unread = u_time; gl_PointSize = 3.0;\n"
      "gl_Position = vec4(a, light.place.x * all[1].colour.x, 1.0); }";
  const std::string fragment = fragmentOf(
      "varying vec2 v_uv; uniform sampler2D map; uniform vec2 size;\n"
      "float never() { return texture2D(map, v_uv).x; }\n"
      "void main() { vec2 unread = v_uv * size; gl_FragColor = vec4(v, 0.0, 1.0); }");
  const ProgramInfo dead = compiled(vertex, fragment)->info;
  EXPECT_EQ(namesOf(dead.attributes), "a");
  EXPECT_TRUE(dead.bindings.empty());
  EXPECT_EQ(joined(dead.unused.attributes), "normal uv");
  EXPECT_EQ(joined(dead.unused.uniforms), "light.colour map size u_time");

  // A varying that nobody but the vertex stage reads.
  const ProgramInfo own =
      compiled(
          "attribute vec2 a, b; varying vec2 v; varying mat2 m; void main() { v = a; m = mat2(b, b); "
          "gl_Position = vec4(v + m[1], 0.0, 1.0); }",
          fragmentOf("varying mat2 m; void main() { gl_FragColor = vec4(1.0); }"))
          ->info;
  EXPECT_EQ(namesOf(own.attributes), "a b");

  const ProgramInfo all = compiled(kVertex, fragmentOf("uniform sampler2D map; uniform vec2 size; void main() { "
                                                       "gl_FragColor = texture2D(map, v * size); }"))
                              ->info;
  EXPECT_EQ(all.unused, UnusedNames{});
  EXPECT_EQ(namesOf(all.bindings), "map");
}

TEST(Webgl, Es300) {
  const std::string vertex =
      "#version 300 es\nuniform Block { vec4 tint; } block;\nin mat2 m; layout(location = 0) in vec2 p; out vec3 v[2]; "
      "flat out ivec2 i;\n"
      "void main() { v[0] = v[1] = block.tint.rgb; i = ivec2(gl_InstanceID, gl_VertexID); gl_Position = vec4(m * p, "
      "0.0, 1.0); }";
  const std::string fragment =
      "#version 300 es\nprecision highp float;\nin vec3 v[2]; flat in ivec2 i; out vec3 c;\nvoid main() { c = v[1] * "
      "float(i.x); }";
  const ProgramInfo info = compiled(vertex, fragment)->info;
  EXPECT_EQ(namesOf(info.params), "block.tint");
  ASSERT_EQ(namesOf(info.attributes), "p m");
  EXPECT_EQ(info.attributes[1].location, 1u);
}

TEST(Webgl, ErrorsPointToTheUsersLine) {
  struct Case {
    std::string fragment;
    uint32_t line, column;
    const char* says;
  };
  const Case cases[] = {
      {fragmentOf("/* two\nlines */\nvoid main() {\n  gl_FragColor = vec4(nothing);\n}"), 6, 23, "nothing"},
      {fragmentOf("void main() {\n  float sample = 1.0; sample = vec2(1.0);\n}"), 4, 0, ""},
      {fragmentOf("#define A \\\n  1.0\n\nvoid main() { gl_FragColor = A; }"), 6, 0, ""},
      {fragmentOf("uniform samplerCube c;\nvoid main() {}"), 3, 21, "samplerCube"},
      {fragmentOf("uniform sampler2D c[4];\nvoid main() {}"), 3, 19, "arrays of samplers"},
      {fragmentOf("void main() { gl_FragData[1] = vec4(0.0); }"), 3, 15, "gl_FragData[0]"},
      {fragmentOf("varying vec3 w;\nvoid main() { gl_FragColor = vec4(w, 1.0); }"), 3, 14,
       "not declared in the vertex shader"},
      {fragmentOf("#include <common>\nvoid main() {}"), 3, 1, "#include"},
      {fragmentOf("#extension GL_X_y : require\nvoid main() {}"), 3, 12, "GL_X_y"},
      {fragmentOf("#if 1\nvoid main() {}"), 3, 2, "#endif"},
      {fragmentOf("#if 1 / 0\n#endif\nvoid main() {}"), 3, 2, "constant"},
      {fragmentOf("uniform float n[k];\nvoid main() {}"), 3, 15, "constant"},
      {fragmentOf("uniform float n = 1.0;\nvoid main() {}"), 3, 15, "initial value"},
      {fragmentOf("void main() { @ }"), 3, 15, "unexpected @"},
      {fragmentOf("attribute vec2 a;\nvoid main() {}"), 3, 1, "attributes"},
      {fragmentOf("void main() {"), 3, 13, "never closed"},
      {fragmentOf("void main() {\n  float a = sin(1.0;\n  a += 1.0;\n}"), 4, 20, "')' is missing before ';'"},
      {fragmentOf("void main() {\n  float a[2];\n  a[1 = 2.0;\n}"), 5, 12, "']' is missing"},
      {fragmentOf("void main() {\n  gl_FragColor = vec4(v,\n    0.0,\n    1.0\n  ;\n}"), 6, 8, "of line 4, column 22"},
      {fragmentOf("void main() {\n  if (v.x > 0.0 {\n    gl_FragColor = vec4(1.0);\n  }\n}"), 4, 16, "before '{'"},
      {fragmentOf("void main() {\n  for (int i = 0; i < 4; i++\n  {\n  }\n}"), 4, 29, "')' is missing"},
      {fragmentOf("void main() {\n  for (int i = 0; i < int(v.x; i++) { }\n}"), 4, 30, "')' is missing before ';'"},
      {fragmentOf("void main() {\n  float a = v[0);\n}"), 4, 16, "']' is missing before ')'"},
      {fragmentOf("void main() {\n  float a = sin(1.0));\n}"), 4, 21, "closes nothing"},
      {fragmentOf("float f(float x {\n  return x;\n}\nvoid main() { }"), 3, 16, "')' is missing before '{'"},
      {fragmentOf("uniform float n[4;\nvoid main() { }"), 3, 18, "']' is missing before ';'"},
      {fragmentOf("void main() {\n  sin(1.0"), 4, 10, "')' is missing"},
      {fragmentOf("float x;"), 3, 8, "no main"},
      {"precision mediump float;\nvarying vec3 v;\nvoid main() { gl_FragColor = vec4(v, 1.0); }", 2, 14,
       "another type"}};
  for (const Case& one : cases) {
    const Refusal refusal = refusalOf(kVertex, one.fragment);
    EXPECT_EQ(refusal.line, one.line) << one.fragment << refusal.text;
    if (one.column) {
      EXPECT_EQ(refusal.column, one.column) << one.fragment << refusal.text;
    }
    EXPECT_NE(refusal.text.find(one.says), std::string::npos) << refusal.text;
    EXPECT_EQ(refusal.text.find("sy_as_"), std::string::npos) << refusal.text;
  }
}

TEST(Webgl, MacrosThatGrowWithoutEndAreRefused) {
  std::string source = fragmentOf("#define A0 1.0 +");
  for (int i = 1; i < 60; i++)
    source += "#define A" + std::to_string(i) + " A" + std::to_string(i - 1) + " A" + std::to_string(i - 1) + "\n";
  EXPECT_NE(refusalOf(kVertex, source + "void main() { gl_FragColor = vec4(A59 1.0); }").text.find("tokens"),
            std::string::npos);
  const std::string open(100000, '(');
  EXPECT_EQ(refusalOf(kVertex, fragmentOf("#if " + open + "\n#endif\nvoid main() {}")).line, 3u);
  std::string structs;
  for (int i = 0; i < 200; i++)
    structs += "struct S" + std::to_string(i) + " { " + (i ? "S" + std::to_string(i - 1) : std::string("float")) +
               " a, b; };\n";
  EXPECT_NE(refusalOf(kVertex, fragmentOf(structs + "uniform S199 s;\nvoid main() {}")).text.find("nested"),
            std::string::npos);
}

TEST(Webgl, NonsenseIsRefusedOrTranslated) {
  const std::vector<ShaderSource> sources = drawings();
  std::mt19937 random(20240607);
  const auto pick = [&](size_t below) { return static_cast<size_t>(random() % below); };
  const char* kBits[] = {
      "{",    "}",      "(",          ")",          "[",          "]",          ";",         ",",
      "#",    "\n#if ", "\n#else\n",  "\n#endif\n", "uniform ",   "varying ",   "struct ",   "gl_FragData",
      "\\\n", "/*",     "\n#define ", "sampler2D ", "precision ", "invariant ", "=",         ".",
      "0x",   "1e",     "\x01",       "layout(",    "in ",        "out ",       "const int "};
  size_t translated = 0, refused = 0;
  for (int i = 0; i < 6000; i++) {
    ShaderSource source = sources[pick(sources.size())];
    for (size_t edits = 1 + pick(4); edits > 0; edits--) {
      std::string& text = pick(2) ? source.vertex : source.fragment;
      const size_t at = pick(text.size() + 1), length = pick(20);
      const size_t kind = pick(4);
      if (kind == 0)
        text.erase(at, length);
      else if (kind == 1)
        text.insert(at, kBits[pick(std::size(kBits))]);
      else if (kind == 2)
        text.insert(at, text.substr(pick(text.size() + 1), length * 3));
      else if (at < text.size())
        text[at] = static_cast<char>(random());
      if (text.empty()) text = " ";
    }
    try {
      const TranslatedShader shader = translateWebgl(source.vertex, source.fragment);
      EXPECT_TRUE(shader.vertex.starts_with("#version 450\n#line 1\n"));
      translated++;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::Compile);
      EXPECT_GE(error.details.line, 1u);
      refused++;
    }
  }
  EXPECT_GT(translated, 100u);
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace switchyard::test
