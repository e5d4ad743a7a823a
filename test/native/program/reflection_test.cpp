// What is reflected of kernels: buffers, parameters, names, needs; against expectations worked out by hand.
#include "compile_fixture.h"

namespace switchyard::test {
namespace {

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

}  // namespace
}  // namespace switchyard::test
