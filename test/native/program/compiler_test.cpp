// Programs from source to module: what is reflected, against expectations worked out by hand; what is refused, and how;
// and modules as bytes.
#include <gtest/gtest.h>

#include <sodium/crypto_hash_sha256.h>

#include <algorithm>
#include <functional>
#include <random>
#include <spirv-tools/libspirv.hpp>

#include "error.h"
#include "program/compile/compiler.h"
#include "program/nvrtc/nvrtc.h"

namespace switchyard::test {
namespace {

using Element = ProgramBinding::Element;
using Scalar = ProgramParam::Scalar;
using Size = std::array<uint32_t, 3>;

std::shared_ptr<ProgramModule> kernel(const std::string& body, const std::string& name = "tested") {
  return compileKernel({.name = name, .glsl = "#version 450\n" + body});
}

// The error of `work`, which must throw one.
struct Failure {
  Code code = Code::Internal;
  std::string text = "nothing was thrown", log;
  uint32_t line = 0, column = 0;
};
Failure failureOf(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return {error.code, error.what(), error.log, error.line, error.column};
  }
  return {};
}
Failure kernelFailure(const std::string& body) {
  return failureOf([&] { kernel(body); });
}

void expectRefused(const Failure& failure, const std::string& part, Code code = Code::Compile) {
  EXPECT_EQ(failure.code, code) << failure.text;
  EXPECT_NE(failure.text.find(part), std::string::npos) << failure.text;
}

void expectValid(const std::vector<uint32_t>& words) {
  spvtools::SpirvTools tools(SPV_ENV_VULKAN_1_2);
  EXPECT_TRUE(tools.Validate(words));
}

std::vector<uint32_t> assemble(const std::string& text) {
  std::vector<uint32_t> words;
  EXPECT_TRUE(spvtools::SpirvTools(SPV_ENV_VULKAN_1_2).Assemble(text, &words));
  return words;
}

// One whose entry point is called blur.
std::string emptyKernel(const std::string& size) {
  return "OpCapability Shader\nOpMemoryModel Logical GLSL450\nOpEntryPoint GLCompute %main \"blur\"\nOpExecutionMode "
         "%main LocalSize " +
         size +
         "\n%void = OpTypeVoid\n%fn = OpTypeFunction %void\n%main = OpFunction %void None %fn\n%l = "
         "OpLabel\nOpReturn\nOpFunctionEnd\n";
}

// ---- reflection

TEST(ProgramReflection, BuffersAndPushConstants) {
  const auto module = kernel(R"(layout(local_size_x = 64, local_size_y = 2) in;
layout(set = 0, binding = 1) buffer Out { float y[]; };
layout(set = 0, binding = 0) readonly buffer In { float x[]; };
layout(push_constant) uniform Params { uint n; float scale; int shift; };
void main() { uint i = gl_GlobalInvocationID.x; if (i < n) y[i] = x[i] * scale + float(shift); }
)");
  EXPECT_EQ(module->info.kind, ProgramKind::Kernel);
  EXPECT_EQ(module->info.name, "tested");
  EXPECT_EQ(module->entry, "main");
  EXPECT_EQ(module->info.groupSize, (Size{64, 2, 1}));
  const std::vector<ProgramBinding> bindings = {
      {.name = "x", .element = Element::Float32, .binding = 0, .elementBytes = 4, .minBytes = 4, .readOnly = true},
      {.name = "y", .element = Element::Float32, .binding = 1, .elementBytes = 4, .minBytes = 4}};
  EXPECT_EQ(module->info.bindings, bindings);
  const std::vector<ProgramParam> params = {{.name = "n", .scalar = Scalar::Uint, .offset = 0},
                                            {.name = "scale", .scalar = Scalar::Float, .offset = 4},
                                            {.name = "shift", .scalar = Scalar::Int, .offset = 8}};
  EXPECT_EQ(module->info.params, params);
  EXPECT_EQ(module->info.paramBytes, 12u);
  EXPECT_FALSE(module->info.paramsAreUniform);
  EXPECT_EQ(module->info.needs, ProgramNeeds{});
  EXPECT_TRUE(module->forVulkan());
  EXPECT_FALSE(module->forCuda());
  EXPECT_GT(module->bytes(), module->compute.size() * 4);
  expectValid(module->compute);
}

TEST(ProgramReflection, NamesOfBuffers) {
  const auto module = kernel(R"(
layout(binding = 0) buffer A { float first[]; } instance;
layout(binding = 1) buffer B { uint count; vec4 many[]; };
layout(binding = 2) buffer C { uint one; uint two; };
layout(binding = 3) buffer D { float only[8]; };
layout(binding = 7) writeonly buffer E { mat4 sparse[]; };
void main() { instance.first[0] = many[count].x + only[two]; one = 1; sparse[0] = mat4(1); }
)");
  const std::vector<ProgramBinding> bindings = {
      {.name = "instance", .element = Element::Float32, .binding = 0, .elementBytes = 4, .minBytes = 4},
      {.name = "many", .element = Element::Float32, .binding = 1, .elementBytes = 16, .minBytes = 32},
      {.name = "C", .element = Element::Other, .binding = 2, .elementBytes = 0, .minBytes = 8},
      {.name = "only", .element = Element::Float32, .binding = 3, .elementBytes = 0, .minBytes = 32},
      {.name = "sparse",
       .element = Element::Float32,
       .binding = 7,
       .elementBytes = 64,
       .minBytes = 64,
       .writeOnly = true}};
  EXPECT_EQ(module->info.bindings, bindings);
}

TEST(ProgramReflection, UnusedBuffersOfKernelsStay) {
  const auto module = kernel(
      "layout(binding = 0) buffer A { float a[]; };\nlayout(binding = 1) buffer B { float b[]; };\nvoid main() { a[0] "
      "= 1; }\n");
  ASSERT_EQ(module->info.bindings.size(), 2u);
  EXPECT_EQ(module->info.bindings[1].name, "b");
}

// Names that GLSL's own back ends would have to change.
TEST(ProgramReflection, NamesAreKeptAsTheyAre) {
  const auto module = kernel(
      "layout(binding = 0) buffer A { float _10[]; };\nlayout(binding = 1) buffer B { float spvNot[]; };\n"
      "layout(binding = 2) buffer B2 { float main_; } input_;\nvoid main() { _10[0] = spvNot[1]; }\n");
  ASSERT_EQ(module->info.bindings.size(), 3u);
  EXPECT_EQ(module->info.bindings[0].name, "_10");
  EXPECT_EQ(module->info.bindings[1].name, "spvNot");
  EXPECT_EQ(module->info.bindings[2].name, "input_");
}

TEST(ProgramReflection, SmallNumbers) {
  const auto module = kernel(R"(#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
layout(binding = 0) buffer A { float16_t h[]; };
layout(binding = 1) buffer B { int8_t i[]; };
layout(binding = 2) buffer C { u8vec4 u[]; };
layout(binding = 3) buffer D { int s[]; };
layout(binding = 4) buffer E { uint16_t w[]; };
void main() { h[0] = h[1] + float16_t(2); i[0] = i[1] + int8_t(1); u[0] = u[1]; s[0] = 1; w[0] = w[1] + w[2]; }
)");
  const std::vector<ProgramBinding> bindings = {
      {.name = "h", .element = Element::Float16, .binding = 0, .elementBytes = 2, .minBytes = 2},
      {.name = "i", .element = Element::Int8, .binding = 1, .elementBytes = 1, .minBytes = 1},
      {.name = "u", .element = Element::Uint8, .binding = 2, .elementBytes = 4, .minBytes = 4},
      {.name = "s", .element = Element::Int32, .binding = 3, .elementBytes = 4, .minBytes = 4},
      {.name = "w", .element = Element::Other, .binding = 4, .elementBytes = 2, .minBytes = 2}};
  EXPECT_EQ(module->info.bindings, bindings);
  EXPECT_TRUE(module->info.needs.float16 && module->info.needs.int8 && module->info.needs.int16);
  EXPECT_TRUE(module->info.needs.storage8 && module->info.needs.storage16);
  EXPECT_FALSE(module->info.needs.uniform8 || module->info.needs.uniform16);
  expectValid(module->compute);
}

// std140: arrays and the columns of matrices at multiples of 16, a vec3 at 16; std430 (push constants): arrays of
// scalars packed.
TEST(ProgramReflection, NestedStructsArraysAndMatrices) {
  const std::string members =
      R"( { float a; vec3 b; float c[3]; mat3 m; Light light; Light lights[2]; mat2 ms[2]; ivec2 last; };)";
  const std::string start =
      "struct Light { vec3 color; float power; };\nlayout(binding = 0) buffer A { float y[]; };\n";
  const std::string end =
      "\nvoid main() { y[0] = a + b.x + c[1] + m[0].x + light.power + lights[1].power + ms[1][0].x + float(last.x); "
      "}\n";
  const auto uniform = kernel(start + "layout(binding = 1) uniform P" + members + end);
  const std::vector<ProgramParam> std140 = {
      {.name = "a", .offset = 0},
      {.name = "b", .rows = 3, .offset = 16},
      {.name = "c", .elements = 3, .offset = 32, .arrayStride = 16},
      {.name = "m", .rows = 3, .columns = 3, .offset = 80, .matrixStride = 16},
      {.name = "light.color", .rows = 3, .offset = 128},
      {.name = "light.power", .offset = 140},
      {.name = "lights[0].color", .rows = 3, .offset = 144},
      {.name = "lights[0].power", .offset = 156},
      {.name = "lights[1].color", .rows = 3, .offset = 160},
      {.name = "lights[1].power", .offset = 172},
      {.name = "ms", .rows = 2, .columns = 2, .elements = 2, .offset = 176, .arrayStride = 32, .matrixStride = 16},
      {.name = "last", .scalar = Scalar::Int, .rows = 2, .offset = 240}};
  EXPECT_EQ(uniform->info.params, std140);
  EXPECT_TRUE(uniform->info.paramsAreUniform);
  EXPECT_EQ(uniform->info.paramBinding, 1u);
  EXPECT_EQ(uniform->info.paramSet, 0u);
  EXPECT_EQ(uniform->info.paramBytes, 248u);

  const auto pushed = kernel(
      "layout(binding = 0) buffer A { float y[]; };\nlayout(push_constant) uniform P { float c[3]; mat2 m; vec2 v[2]; "
      "} p;\n"
      "void main() { y[0] = p.c[1] + p.m[1].x + p.v[1].x; }\n");
  const std::vector<ProgramParam> std430 = {{.name = "c", .elements = 3, .offset = 0, .arrayStride = 4},
                                            {.name = "m", .rows = 2, .columns = 2, .offset = 16, .matrixStride = 8},
                                            {.name = "v", .rows = 2, .elements = 2, .offset = 32, .arrayStride = 8}};
  EXPECT_EQ(pushed->info.params, std430);
  EXPECT_EQ(pushed->info.paramBytes, 48u);
}

TEST(ProgramReflection, SpecialisationConstantsHaveTheirDefaults) {
  const auto module = kernel(
      R"(layout(local_size_x = 32, local_size_x_id = 0, local_size_y = 3, local_size_z = 2, local_size_z_id = 2) in;
layout(constant_id = 0) const uint kSide = 32;
layout(constant_id = 2) const uint kDepth = 2;
layout(constant_id = 3) const uint kCount = 5;
layout(binding = 0) buffer A { float y[kCount]; uint rest[]; };
void main() { y[gl_LocalInvocationIndex % kCount] = float(gl_WorkGroupSize.x * kSide); rest[0] = kDepth; }
)");
  EXPECT_EQ(module->info.groupSize, (Size{32, 3, 2}));
  ASSERT_EQ(module->info.bindings.size(), 1u);
  EXPECT_EQ(module->info.bindings[0].minBytes, 24u);
  expectValid(module->compute);
}

TEST(ProgramReflection, Subgroups) {
  const auto module = kernel(
      "#extension GL_KHR_shader_subgroup_arithmetic : require\nlayout(local_size_x = 32) in;\n"
      "layout(binding = 0) buffer A { float y[]; };\nvoid main() { y[gl_GlobalInvocationID.x] = subgroupAdd(y[0]); "
      "}\n");
  EXPECT_EQ(module->info.needs.subgroupOps, 1u | 4u);
}

TEST(ProgramReflection, SpirvWithoutNames) {
  const auto named = kernel(
      "layout(binding = 2) buffer A { float a[]; };\nlayout(binding = 5) buffer B { float b[]; };\n"
      "layout(push_constant) uniform P { uint n; };\nvoid main() { a[0] = b[n]; }\n");
  KernelSource source{.name = "spirv", .spirv = named->compute};  // what compileKernel() keeps has lost its names
  const auto bare = compileKernel(source);
  ASSERT_EQ(bare->info.bindings.size(), 2u);
  EXPECT_EQ(bare->info.bindings[0].name, "binding2");
  EXPECT_EQ(bare->info.bindings[1].name, "binding5");
  EXPECT_EQ(bare->info.params.at(0).name, "param0");
  EXPECT_EQ(bare->compute, *source.spirv);
  source.bindings = {"left", "right"};
  const auto given = compileKernel(source);
  EXPECT_EQ(given->info.bindings[0].name, "left");
  EXPECT_EQ(given->info.bindings[1].name, "right");
  source.bindings = {"left"};
  expectRefused(failureOf([&] { compileKernel(source); }), "`bindings` has 1 names, and the module 2 buffers");
}

TEST(ProgramReflection, SpirvEntryOfAnotherName) {
  const auto words = assemble(emptyKernel("8 1 1"));
  const auto module = compileKernel({.name = "k", .spirv = words});
  EXPECT_EQ(module->entry, "blur");
  EXPECT_EQ(module->info.groupSize, (Size{8, 1, 1}));
}

// ---- what is refused

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

std::string repeated(const std::string& part, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += part;
  return text;
}

// Small sources that would cost a compiler seconds to hours, or its stack.
TEST(ProgramErrors, NestingAndGrowth) {
  const std::string start = "layout(binding = 0) buffer A { float a[]; };\n";
  expectRefused(
      kernelFailure(start + "void main() { a[0] = " + repeated("(", 300) + "1" + repeated(")", 300) + "; }\n"),
      "brackets are nested deeper");
  expectRefused(kernelFailure(start + "void main() { a[0] = 1" + repeated(" + a[1]", 8000) + "; }\n"),
                "a statement is longer");
  expectRefused(
      kernelFailure(start + "void main() { " + repeated("for (int i = 0; i < 2; i++) ", 200) + "a[0] += 1; }\n"),
      "nested deeper than 64");
  expectRefused(kernelFailure(start + "void main() { if (a[0] > 0) a[1] = 1; " +
                              repeated("else if (a[0] > 1) a[1] = 2; ", 200) + "}\n"),
                "nested deeper than 64");
  std::string calls = "void f0() { a[0] += 1; }\n";
  for (int i = 1; i < 30; ++i)
    calls +=
        "void f" + std::to_string(i) + "() { f" + std::to_string(i - 1) + "(); f" + std::to_string(i - 1) + "(); }\n";
  expectRefused(kernelFailure(start + calls + "void main() { f29(); }\n"),
                "too large: with every function put where it is called");
}

// A group's and an invocation's variables: sizes that wrap around in 32 bits, and those that drivers compile for
// minutes.
TEST(ProgramErrors, MemoryOfItsOwn) {
  const std::string start =
      "layout(local_size_x = 64) in;\nlayout(binding = 0) buffer A { float a[]; };\nlayout(push_constant) uniform P { "
      "uint k; };\n";
  const auto shared = [&](const std::string& count) {
    return start + "shared vec2 s[" + count + "];\nvoid main() { s[k] = vec2(k); barrier(); a[0] = s[k + 1].y; }\n";
  };
  const auto local = [&](const std::string& count) {
    return start + "void main() { float l[" + count + "]; l[k] = 1; l[k + 1] = 2; a[0] = l[k + 2]; }\n";
  };
  EXPECT_EQ(kernel(shared("512"))->info.sharedBytes, 4096u);
  EXPECT_EQ(kernel(local("4096"))->info.sharedBytes, 0u);
  expectRefused(kernelFailure(shared("32769")),
                "its shared variables take 262152 bytes for each group; they may take 262144");
  expectRefused(kernelFailure(shared("0x20000001u")), "take 4294967304 bytes");
  expectRefused(kernelFailure(local("4097")),
                "one of its arrays takes 16388 bytes for each invocation; it may take 16384");
  expectRefused(kernelFailure(local("0x40000001u")), "takes 4294967300 bytes");
  expectRefused(kernelFailure(start + "mat4 p[257];\nvoid main() { p[k] = mat4(k); a[0] = p[k + 1][0][1]; }\n"),
                "takes 16448 bytes for each invocation");
  // Of SPIR-V that is kept as it is: eight calls of a function, each with its array, and a length that is worked out.
  const auto called = [](const std::string& length) {
    return assemble(R"(OpCapability Shader
OpMemoryModel Logical GLSL450
OpEntryPoint GLCompute %main "main"
OpExecutionMode %main LocalSize 1 1 1
OpDecorate %half SpecId 0
%void = OpTypeVoid
%fn = OpTypeFunction %void
%uint = OpTypeInt 32 0
%half = OpSpecConstant %uint )" +
                    length + R"(
%length = OpSpecConstantOp %uint IAdd %half %half
%array = OpTypeArray %uint %length
%pointer = OpTypePointer Function %array
%f = OpFunction %void None %fn
%fl = OpLabel
%v = OpVariable %pointer Function
OpReturn
OpFunctionEnd
%main = OpFunction %void None %fn
%l = OpLabel
%c1 = OpFunctionCall %void %f
%c2 = OpFunctionCall %void %f
%c3 = OpFunctionCall %void %f
%c4 = OpFunctionCall %void %f
%c5 = OpFunctionCall %void %f
%c6 = OpFunctionCall %void %f
%c7 = OpFunctionCall %void %f
%c8 = OpFunctionCall %void %f
OpReturn
OpFunctionEnd
)");
  };
  EXPECT_NO_THROW(compileKernel({.name = "k", .spirv = called("1024")}));
  expectRefused(failureOf([&] { compileKernel({.name = "k", .spirv = called("1025")}); }),
                "take 65600 bytes for each invocation");
}

// Sources changed at random: nothing crashes, and nothing but Error comes out.
TEST(ProgramErrors, RandomChangesOfSources) {
  const std::string source =
      "#version 450\n#define TWICE(x) ((x) + (x))\nlayout(local_size_x = 64) in;\nstruct S { vec3 c; float d[3]; };\n"
      "layout(binding = 0) buffer A { float a[]; };\nlayout(binding = 1) readonly buffer B { S s[]; } b;\n"
      "layout(push_constant) uniform P { uint n; mat2 m; };\nshared float tile[64];\n"
      "float f(float x) { return x > 1.0 ? sqrt(x) : -x; }\n"
      "void main() { for (uint i = 0u; i < n; ++i) { tile[i] = f(TWICE(b.s[i].d[1])); barrier(); a[i] = tile[63 - i] * "
      "m[0].x; } }\n";
  const std::vector<std::string> words = {"(",      ")",  "{",     "}",      "[",       "]",    ";",          ",",
                                          "#",      "\n", "float", "vec4",   "0",       "-1",   "4294967295", "struct",
                                          "buffer", "in", "out",   "layout", "#define", "#if",  "#endif",     "1e999",
                                          "\"",     "'",  "\\\n",  "/*",     "//",      "main", "\xff",       "uniform",
                                          "const",  "=",  "<<",    "return", "void"};
  std::mt19937 random(20260103);
  int compiled = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string changed = source;
    for (uint32_t changes = random() % 4 + 1; changes > 0; --changes) {
      const size_t at = random() % changed.size(), length = std::min<size_t>(random() % 8, changed.size() - at);
      changed.replace(
          at, length,
          random() % 3 == 0 ? source.substr(random() % source.size(), random() % 20) : words[random() % words.size()]);
    }
    try {
      expectValid(compileKernel({.name = "k", .glsl = changed})->compute);
      ++compiled;
    } catch (const Error& error) {
      ASSERT_TRUE(error.code == Code::Compile || error.code == Code::InvalidArgument) << error.what() << "\n"
                                                                                      << changed;
    } catch (const std::exception& error) {
      FAIL() << error.what() << "\n" << changed;
    }
  }
  EXPECT_GT(compiled, 0);  // so the later stages had their share
}

TEST(ProgramErrors, RandomChangesOfSpirv) {
  const std::vector<uint32_t> words =
      kernel(
          "layout(binding = 0) buffer A { float a[]; };\nlayout(push_constant) uniform P { uint n; vec2 v[2]; };\n"
          "void main() { for (uint i = 0u; i < n; ++i) a[i] = v[i & 1].x * a[i + 1]; }\n")
          ->compute;
  std::mt19937 random(20260104);
  for (int round = 0; round < 3000; ++round) {
    std::vector<uint32_t> changed = words;
    for (uint32_t changes = random() % 3 + 1; changes > 0; --changes) {
      uint32_t& word = changed[random() % changed.size()];
      word = random() % 2 ? words[random() % words.size()] : word ^ (1u << random() % 32);
    }
    try {
      compileKernel({.name = "k", .spirv = changed});
    } catch (const Error& error) {
      ASSERT_EQ(error.code, Code::Compile) << error.what() << " in round " << round;
    } catch (const std::exception& error) {
      FAIL() << error.what() << " in round " << round;
    }
  }
}

// ---- modules as bytes

ProgramModule richModule() {
  ProgramModule module = *compileKernel(
      {.name = "rich",
       .glsl = "#version 450\nlayout(binding = 0) readonly buffer A { float a[]; };\nlayout(binding = 3) buffer B { "
               "uint b[]; };\n"
               "layout(push_constant) uniform P { uint n; mat2 m; };\nvoid main() { b[n] = uint(a[n] * m[0].x); }\n"});
  // Every field that encodeModule() must not forget differs from its default.
  module.entry = "other";
  module.vertex = {1, 2, 3};
  module.fragment = {4, 0xffffffff};
  module.info.kind = ProgramKind::Shader;
  module.info.attributes = {{.name = "at", .scalar = Scalar::Int, .location = 3, .rows = 2, .columns = 1}};
  module.info.bindings[1].kind = ProgramBinding::Kind::Image;
  module.info.bindings[1].set = 2;
  module.info.bindings[1].writeOnly = true;
  module.info.bindings[1].minBytes = uint64_t{1} << 40;
  module.info.paramsAreUniform = module.info.flipY = true;
  module.info.wroteOutputs = false;
  module.info.paramSet = 4;
  module.info.paramBinding = 5;
  module.info.needs = {true, false, true, false, true, true, false, 0x85};
  module.cuda = {"_Z5scale", {'p', 't', 'x', 0},      {0, 1, 2},         75,
                 {64, 1, 2}, {{true, 1}, {false, 0}}, module.info.params};
  return module;
}

TEST(ProgramModuleBytes, ComeBackEqual) {
  const ProgramModule module = richModule();
  EXPECT_EQ(*decodeModule(encodeModule(module)), module);
  const ProgramModule bare;
  EXPECT_EQ(*decodeModule(encodeModule(bare)), bare);
  ProgramModule other = module;
  other.info.needs.int8 = true;
  EXPECT_NE(encodeModule(other), encodeModule(module));
}

TEST(ProgramModuleBytes, TruncatedOrChanged) {
  const std::vector<uint8_t> bytes = encodeModule(richModule());
  for (size_t size = 0; size < bytes.size(); ++size)
    ASSERT_EQ(failureOf([&] { decodeModule(std::span(bytes).first(size)); }).code, Code::Internal) << size;
  std::mt19937 random(20260101);
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> changed = bytes;
    for (uint32_t flips = random() % 3 + 1; flips > 0; --flips)
      changed[random() % changed.size()] ^= static_cast<uint8_t>(1 + random() % 255);
    if (changed == bytes) continue;
    const Failure failure = failureOf([&] { decodeModule(changed); });
    ASSERT_EQ(failure.code, Code::Internal);
    ASSERT_NE(failure.text, "nothing was thrown") << "round " << round;
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  expectRefused(failureOf([&] { decodeModule(longer); }), "its length", Code::Internal);
}

// Damage that the checksum does not show: the reader itself must not trust a count or a value.
TEST(ProgramModuleBytes, ChangedUnderARightChecksum) {
  const std::vector<uint8_t> bytes = encodeModule(richModule());
  constexpr size_t kContent = 48;
  std::mt19937 random(20260102);
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> changed = bytes;
    for (uint32_t flips = random() % 4 + 1; flips > 0; --flips) {
      const size_t at = kContent + random() % (changed.size() - kContent);
      changed[at] = random() % 2 ? 0xff : static_cast<uint8_t>(random());
    }
    crypto_hash_sha256(changed.data() + 16, changed.data() + kContent, changed.size() - kContent);
    try {
      const std::vector<uint8_t> again = encodeModule(*decodeModule(changed));
      ASSERT_EQ(again, changed) << "round " << round;  // what is accepted is exactly what was written
    } catch (const Error& error) {
      ASSERT_EQ(error.code, Code::Internal);
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(ProgramModuleBytes, Ids) {
  const KernelSource source{.name = "k", .glsl = "a"};
  EXPECT_EQ(programId(source), programId(source));
  const auto differs = [&](const KernelSource& other) { EXPECT_NE(programId(other), programId(source)); };
  differs({.name = "l", .glsl = "a"});
  differs({.name = "k", .glsl = "b"});
  differs({.name = "k", .glsl = "a", .bindings = {"x"}});
  differs({.name = "k", .glsl = "a", .cuda = "c"});
  EXPECT_NE(programId(KernelSource{.name = "k", .cuda = "c"}),
            programId(KernelSource{.name = "k", .cuda = "c", .cudaArch = 90}));
  EXPECT_EQ(programId(KernelSource{.name = "k", .cuda = "c"}),
            programId(KernelSource{.name = "k", .cuda = "c", .cudaArch = 75}));
  EXPECT_NE(programId(ShaderSource{"s", "ab", "c"}), programId(ShaderSource{"s", "a", "bc"}));
  const std::string hex = hexOf({0x01, 0xab});
  EXPECT_EQ(hex.substr(0, 6), "01ab00");
  EXPECT_EQ(hex.size(), 64u);
}

// ---- shaders

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
