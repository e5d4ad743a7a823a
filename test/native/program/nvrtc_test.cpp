// CUDA C++ to code by the NVRTC that is found, without a GPU.
#include <gtest/gtest.h>

#include <functional>

#include "error.h"
#include "program/compile/compiler.h"
#include "program/nvrtc/nvrtc.h"
#include "program/nvrtc/ptx.h"

namespace switchyard::test {
namespace {

using Scalar = ProgramParam::Scalar;

void expectRefused(const KernelSource& source, const std::string& part, Code code = Code::Compile, uint32_t line = 0,
                   uint32_t column = 0) {
  try {
    compileKernel(source);
    ADD_FAILURE() << "nothing was thrown; wanted " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code, code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_EQ(error.details.line, line) << error.details.log;
    EXPECT_EQ(error.details.column, column) << error.details.log;
  }
}

class ProgramCuda : public testing::Test {
 protected:
  void SetUp() override {
    if (nvrtcVersion().empty()) GTEST_SKIP() << "NVRTC is not installed here";
  }
};

constexpr const char* kScale = R"(extern "C" __global__ void scale(const float* x, float* y, unsigned n, float k) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = k * x[i];
}
)";
constexpr const char* kScaleGlsl = R"(#version 450
layout(local_size_x = 128) in;
layout(push_constant) uniform P { float k; uint n; };
layout(binding = 0) buffer Y { float y[]; };
layout(binding = 1) readonly buffer X { float x[]; };
void main() { uint i = gl_GlobalInvocationID.x; if (i < n) y[i] = k * x[i]; }
)";

TEST_F(ProgramCuda, Alone) {
  const auto module =
      compileKernel({.name = "scale", .cuda = kScale, .bindings = {"x", "y", "n", "k"}, .cudaArch = 90});
  EXPECT_FALSE(module->forVulkan());
  ASSERT_TRUE(module->forCuda());
  EXPECT_EQ(module->cuda.entry, "scale");
  EXPECT_EQ(module->cuda.arch, 90u);
  EXPECT_EQ(module->cuda.ptx.back(), 0);
  EXPECT_NE(std::string(module->cuda.ptx.data()).find(".target sm_90"), std::string::npos);
  ASSERT_GT(module->cuda.cubin.size(), 4u);
  EXPECT_EQ(std::string(module->cuda.cubin.data(), 4),
            "\x7f"
            "ELF");
  const std::vector<CudaParam> params = {{true, 0}, {true, 1}, {false, 0}, {false, 1}};
  EXPECT_EQ(module->cuda.params, params);
  const std::vector<ProgramParam> values = {{.name = "n", .scalar = Scalar::Int, .offset = 0},
                                            {.name = "k", .scalar = Scalar::Float, .offset = 8}};
  EXPECT_EQ(module->cuda.values, values);
  EXPECT_EQ(module->info.params, values);
  EXPECT_EQ(module->info.paramBytes, 16u);
  ASSERT_EQ(module->info.bindings.size(), 2u);
  EXPECT_EQ(module->info.bindings[1].name, "y");
  EXPECT_EQ(module->info.bindings[1].element, ProgramBinding::Element::Other);
  EXPECT_FALSE(module->info.bindings[0].readOnly);
  EXPECT_EQ(module->info.groupSize, (std::array<uint32_t, 3>{256, 1, 1}));
  EXPECT_EQ(*decodeModule(encodeModule(*module)), *module);
}

TEST_F(ProgramCuda, BesideGlsl) {
  const auto module =
      compileKernel({.name = "scale", .glsl = kScaleGlsl, .cuda = kScale, .bindings = {"x", "y", "n", "k"}});
  ASSERT_TRUE(module->forVulkan() && module->forCuda());
  EXPECT_EQ(module->cuda.arch, 75u);
  // The shader's order: y and x, k and n.
  const std::vector<CudaParam> params = {{true, 1}, {true, 0}, {false, 1}, {false, 0}};
  EXPECT_EQ(module->cuda.params, params);
  const std::vector<ProgramParam> inBlock = {{.name = "k", .scalar = Scalar::Float, .offset = 0},
                                             {.name = "n", .scalar = Scalar::Uint, .offset = 4}};
  EXPECT_EQ(module->info.params, inBlock);
  EXPECT_EQ(module->info.groupSize[0], 128u);
  ASSERT_EQ(module->cuda.values.size(), 2u);
  EXPECT_EQ(module->cuda.values[1].offset, 8u);
}

TEST_F(ProgramCuda, EntriesAndBlocks) {
  const std::string two =
      "namespace n { __global__ void first(int* p) { *p = 1; } }\n__global__ void __launch_bounds__(64) second(float* "
      "q) { *q = 2; }\n";
  const auto first = compileKernel({.name = "first", .cuda = two, .bindings = {"p"}});
  EXPECT_EQ(first->cuda.entry, "_ZN1n5firstEPi");
  const auto second = compileKernel({.name = "second", .cuda = two, .bindings = {"q"}});
  EXPECT_EQ(second->cuda.entry, "_Z6secondPf");
  EXPECT_EQ(second->info.groupSize, (std::array<uint32_t, 3>{64, 1, 1}));
  expectRefused({.name = "third", .cuda = two, .bindings = {"q"}}, "2 __global__ functions in its CUDA source (");
  const auto only = compileKernel({.name = "any",
                                   .cuda = "__global__ void __block_size__((32, 4, 1)) k(int* p) { *p = 1; }",
                                   .bindings = {"p"},
                                   .cudaArch = 90});
  EXPECT_EQ(only->cuda.blockSize, (std::array<uint32_t, 3>{32, 4, 1}));
  EXPECT_EQ(only->info.groupSize, (std::array<uint32_t, 3>{32, 4, 1}));
  expectRefused({.name = "none", .cuda = "__device__ int f() { return 1; }", .bindings = {"p"}},
                "has no __global__ function");
}

TEST_F(ProgramCuda, Errors) {
  const std::string wrong = "__global__ void k(int* p) {\n    *p = 1 + nope;\n}\n";
  expectRefused({.name = "k", .cuda = wrong, .bindings = {"p"}}, "line 2, column 14: identifier \"nope\" is undefined",
                Code::Compile, 2, 14);
  expectRefused({.name = "scale", .cuda = kScale, .bindings = {"x", "y", "n"}},
                "has 4 parameters, and `bindings` names 3");
  expectRefused({.name = "k", .cuda = "__global__ void k(int* p, double d) { *p = d; }", .bindings = {"p", "d"}},
                "parameter 2 (\"d\")");
  expectRefused({.name = "k", .cuda = "__global__ void k(int* p, float4 d) { *p = d.x; }", .bindings = {"p", "d"}},
                "align 16 .b8 [16]");
  expectRefused({.name = "k", .cuda = "__global__ void k(int* p) {}", .bindings = {"p"}, .cudaArch = 61}, "6.1",
                Code::Unsupported);
}

TEST_F(ProgramCuda, MustBeTheShadersEqual) {
  const auto refused = [](const std::string& cuda, std::vector<std::string> names, const std::string& part) {
    expectRefused({.name = "scale", .glsl = kScaleGlsl, .cuda = cuda, .bindings = std::move(names)}, part);
  };
  refused("__global__ void scale(float* x, float* y, int n) {}", {"x", "y", "n"},
          "\"k\" of the shader is not among `bindings`");
  refused(kScale, {"x", "n", "y", "k"}, "\"n\" is a value of 32 bits in the shader and a pointer");
  refused("__global__ void scale(float* x, float* y, float n, float k) {}", {"x", "y", "n", "k"},
          "\"n\" is a float on one side");
  refused("__global__ void __launch_bounds__(64) scale(float* x, float* y, int n, float k) {}", {"x", "y", "n", "k"},
          "__launch_bounds__ allow 64");
  try {
    compileKernel({.name = "scale", .glsl = kScaleGlsl, .cuda = kScale, .bindings = {"x", "y", "count", "k"}});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_NE(std::string(error.what()).find("names \"count\""), std::string::npos) << error.what();
  }
}

// As compilers of other years write it.
TEST(ProgramPtx, EntriesOfAText) {
  const auto entries = readPtx(
      ".version 8.8\n.visible .entry _Z1kPfy(\n\t.param .u64 .ptr .global .align 4 _Z1kPfy_param_0,\n\t.param .u64 "
      "_Z1kPfy_param_1\n)\n"
      ".maxntid 32, 2\n.minnctapersm 1\n{\n\tret;\n}\n.entry bare()\n.reqntid 64\n{ ret; }\n.entry cut(.param .u32 a");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].symbol, "_Z1kPfy");
  EXPECT_EQ(entries[0].name, "k");
  EXPECT_EQ(entries[0].params, (std::vector<std::string>{"u64 .ptr .global .align 4", "u64"}));
  EXPECT_EQ(entries[0].maxThreads, 64u);
  EXPECT_EQ(entries[0].blockSize[0], 0u);
  EXPECT_EQ(entries[1].blockSize, (std::array<uint32_t, 3>{64, 1, 1}));
  EXPECT_TRUE(entries[1].params.empty());
}

}  // namespace
}  // namespace switchyard::test
