// Programs that are refused, and how: the line, the column, the log, and what the runtime does not provide.
#include <algorithm>

#include "compile_fixture.h"

namespace switchyard::test {
namespace {

TEST(ProgramErrors, LineColumnAndLog) {
  const Failure failure = failureOf([] {
    compileKernel({.name = "blur", .glsl = "#version 450\nvoid main() {\n  float x = 1.0 +  bar;\n  y = 3;\n}\n"});
  });
  EXPECT_EQ(failure.code, Code::Compile);
  EXPECT_EQ(failure.line, 3u);
  EXPECT_EQ(failure.column, 20u);
  EXPECT_EQ(failure.text, "kernel \"blur\" does not compile, line 3, column 20: 'bar': undeclared identifier");
  EXPECT_NE(failure.log.find("blur:4: error: 'y'"), std::string::npos) << failure.log;
}

TEST(ProgramErrors, VersionsAndEntries) {
  expectRefused(failureOf([] { compileKernel({.name = "k", .glsl = "// none\nvoid main() {}\n"}); }),
                "there is no #version; its first line must be `#version 450`");
  expectRefused(failureOf([] { compileKernel({.name = "k", .glsl = "#version 420\nvoid main() {}\n"}); }),
                "#version 420 is none");
  expectRefused(failureOf([] { compileKernel({.name = "k", .glsl = "#version 310 es\nvoid main() {}\n"}); }),
                "#version 310");
  expectRefused(failureOf([] { compileKernel({.name = "k", .glsl = "#version 450 compatibility\nvoid main() {}\n"}); }),
                "`compatibility`");
  expectRefused(failureOf([] { compileKernel({.name = "k", .glsl = "#version 450\n"}); }), "has no entry point");
  expectRefused(kernelFailure("void blur() {}\n"), "has no entry point: it needs a function `void main()`");
  const Failure include = kernelFailure("/* a\n b */ #include \"x.h\"\nvoid main() {}\n");
  expectRefused(include, "#include is not supported");
  EXPECT_EQ(include.line, 3u);
}

TEST(ProgramErrors, WhatIsNoSource) {
  const auto refused = [](const KernelSource& source, const std::string& part) {
    expectRefused(failureOf([&] { compileKernel(source); }), part, Code::InvalidArgument);
  };
  refused({.name = "", .glsl = "x"}, "must not be empty");
  refused({.name = "k"}, "has no source");
  refused({.name = "k", .glsl = ""}, "is empty");
  refused({.name = std::string("k\0k", 3), .glsl = "x"}, "NUL");
  refused({.name = "k", .glsl = std::string("#version 450\n\0", 14)}, "NUL");
  refused({.name = "k", .glsl = std::string(kMaxSourceBytes + 1, ' ')}, "it may have 1048576");
  refused({.name = "k", .glsl = "x", .spirv = std::vector<uint32_t>{1}}, "both");
  refused({.name = "k", .spirv = std::vector<uint32_t>{}}, "between 4 and");
  refused({.name = "k", .cuda = "x"}, "`bindings` must name");
  refused({.name = "k", .cuda = "x", .bindings = {"a", "a"}}, "twice");
  refused({.name = "k",
           .glsl = "#version 450\nlayout(binding = 0) buffer A { float a[]; };\nvoid main() { a[0] = 1; }",
           .bindings = {"b"}},
          "it has a");
  expectRefused(failureOf([] { compileShader({.name = "s", .vertex = "#version 450", .fragment = ""}); }),
                "fragment source", Code::InvalidArgument);
}

TEST(ProgramErrors, WhatTheRuntimeDoesNotProvide) {
  const std::string buffer = "layout(binding = 0) buffer A { float a[]; };\n", main = "void main() { a[0] = 1; }\n";
  expectRefused(kernelFailure("layout(set = 1, binding = 0) buffer A { float a[]; };\n" + main),
                "\"a\" is in descriptor set 1");
  expectRefused(kernelFailure("layout(binding = 64) buffer A { float a[]; };\n" + main), "the highest is 63");
  expectRefused(kernelFailure(buffer + "layout(binding = 1) buffer B { float b[]; } many[2];\n" + main),
                "\"many\" is an array of resources");
  expectRefused(
      kernelFailure(buffer +
                    "layout(binding = 1) uniform sampler2D s;\nvoid main() { a[0] = texelFetch(s, ivec2(0), 0).x; }\n"),
      "a kernel reads buffers");
  expectRefused(
      kernelFailure(buffer +
                    "layout(binding = 1, r32f) uniform image2D s;\nvoid main() { a[0] = imageLoad(s, ivec2(0)).x; }\n"),
      "the storage image \"s\"");
  expectRefused(kernelFailure(buffer + "layout(binding = 1) uniform P { float p; };\nlayout(push_constant) uniform Q { "
                                       "float q; };\nvoid main() { a[0] = p + q; }\n"),
                "put all parameters into one of them");
  expectRefused(kernelFailure(buffer + "layout(binding = 1) uniform P { float p; };\nlayout(binding = 2) uniform Q { "
                                       "float q; };\nvoid main() { a[0] = p + q; }\n"),
                "more than one uniform block");
  expectRefused(
      kernelFailure(buffer + "layout(push_constant) uniform Q { float q[33]; };\nvoid main() { a[0] = q[32]; }\n"),
      "take 132 bytes; there are 128");
  expectRefused(
      kernelFailure(buffer + "layout(binding = 1) uniform P { float p[1025]; };\nvoid main() { a[0] = p[3]; }\n"),
      "take 16400 bytes; there are 16384");
  expectRefused(
      kernelFailure(buffer +
                    "layout(push_constant, row_major) uniform Q { mat3 q; };\nvoid main() { a[0] = q[1].x; }\n"),
      "\"q\" is row_major");
  expectRefused(
      kernelFailure(buffer + "layout(push_constant) uniform Q { float q[2][2]; };\nvoid main() { a[0] = q[1][1]; }\n"),
      "\"q\" is an array of arrays");
  expectRefused(kernelFailure("layout(binding = 0) buffer A { double d[]; };\nvoid main() { d[0] = d[1] + 1; }\n"),
                "Float64");
  expectRefused(kernelFailure("#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require\nlayout(binding = 0) "
                              "buffer A { int64_t d[]; };\nvoid main() { d[0] = d[1] + 1; }\n"),
                "Int64");
  expectRefused(kernelFailure("#extension GL_EXT_buffer_reference : require\nlayout(buffer_reference) buffer R { float "
                              "r[]; };\nlayout(push_constant) uniform P { R p; };\n" +
                              buffer + "void main() { a[0] = p.r[1]; }\n"),
                "PhysicalStorageBuffer");
  expectRefused(kernelFailure("layout(local_size_x = 1024, local_size_y = 2) in;\n" + buffer + main), "1024 x 2 x 1");
  expectRefused(failureOf([] { compileKernel({.name = "k", .spirv = assemble(emptyKernel("0 1 1"))}); }), "0 x 1 x 1");
  expectRefused(kernelFailure(buffer + "layout(binding = 0) buffer B { float b[]; };\nvoid main() { a[0] = b[0]; }\n"),
                "the same binding number 0");
  std::string many, sum;
  for (int i = 0; i < 17; ++i) {
    const std::string n = std::to_string(i);
    many += "layout(binding = " + n + ") buffer B" + n + " { float b" + n + "[]; };\n";
    sum += " + b" + n + "[1]";
  }
  expectRefused(kernelFailure(many + "void main() { b0[0] = 1" + sum + "; }\n"),
                "there are 17 buffers and images; there may be 16");
}

TEST(ProgramErrors, SameNames) {
  expectRefused(kernelFailure("layout(binding = 0) buffer A { float a[]; } x;\nlayout(binding = 1) buffer B { float "
                              "x[]; } y;\nlayout(push_constant) uniform P { float y; } p;\n"
                              "void main() { x.a[0] = y.x[0] + p.y; }\n"),
                "are called \"y\"");
  auto words = assemble(R"(OpCapability Shader
OpMemoryModel Logical GLSL450
OpEntryPoint GLCompute %main "main" %a %b
OpExecutionMode %main LocalSize 1 1 1
OpName %a "same"
OpName %b "same"
OpDecorate %block Block
OpMemberDecorate %block 0 Offset 0
OpDecorate %array ArrayStride 4
OpDecorate %a DescriptorSet 0
OpDecorate %a Binding 0
OpDecorate %b DescriptorSet 0
OpDecorate %b Binding 1
%void = OpTypeVoid
%fn = OpTypeFunction %void
%float = OpTypeFloat 32
%array = OpTypeRuntimeArray %float
%block = OpTypeStruct %array
%pointer = OpTypePointer StorageBuffer %block
%a = OpVariable %pointer StorageBuffer
%b = OpVariable %pointer StorageBuffer
%main = OpFunction %void None %fn
%l = OpLabel
OpReturn
OpFunctionEnd
)");
  expectRefused(failureOf([&] { compileKernel({.name = "k", .spirv = words}); }),
                "bindings 0 and 1 are both called \"same\"");
  const auto module = compileKernel({.name = "k", .spirv = words, .bindings = {"one", "two"}});
  EXPECT_EQ(module->info.bindings[0].name, "one");
}

TEST(ProgramErrors, SpirvThatIsNone) {
  const std::vector<uint32_t> good =
      kernel("layout(binding = 0) buffer A { float a[]; };\nvoid main() { a[0] = 1; }\n")->compute;
  const auto refused = [](std::vector<uint32_t> words, const std::string& part) {
    expectRefused(failureOf([&] { compileKernel({.name = "k", .spirv = words}); }), part);
  };
  refused({1, 2, 3}, "not even the five words");
  std::vector<uint32_t> words = good;
  for (uint32_t& word : words) word = __builtin_bswap32(word);
  refused(words, "little-endian");
  words = good;
  words[0] = 7;
  refused(words, "0x07230203");
  words = good;
  words[1] = 0x00010600;
  refused(words, "SPIR-V 1.6");
  words = good;
  words.resize(words.size() - 3);
  refused(words, "not valid for Vulkan 1.2");
  words = good;
  words[3] = 0x003fffff;  // more ids than any kernel has
  refused(words, "not valid");
  refused(assemble("OpCapability Shader\nOpCapability Linkage\nOpMemoryModel Logical GLSL450\n"),
          "not valid for Vulkan 1.2");
  const auto shader =
      compileShader({.name = "s",
                     .vertex = "#version 450\nvoid main() { gl_Position = vec4(0); }\n",
                     .fragment = "#version 450\nlayout(location = 0) out vec4 c;\nvoid main() { c = vec4(1); }\n"});
  refused(shader->vertex, "must have one entry point for compute, and has 0 (all entry points: main)");
}

}  // namespace
}  // namespace switchyard::test
