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

// The toolkit's headers, where they are installed beside NVRTC.
class ProgramCudaHeaders : public ProgramCuda {
 protected:
  void SetUp() override {
    ProgramCuda::SetUp();
    if (!IsSkipped() && headersVersion("#include").empty()) GTEST_SKIP() << "the toolkit's headers are not installed";
  }
  static ModulePtr compile(const std::string& source, uint32_t arch = 80, std::vector<std::string> options = {}) {
    return compileKernel(
        {.name = "k", .cuda = source, .bindings = {"p"}, .cudaArch = arch, .cudaOptions = std::move(options)});
  }
};

TEST_F(ProgramCudaHeaders, HalvesAndTensorCores) {
  const auto halves = compile(
      "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"
      "__global__ void k(__half* p) { p[0] = __hadd(p[0], p[1]); "
      "p[2] = __float2half(__bfloat162float(__float2bfloat16(1.5f))); }");
  EXPECT_NE(std::string(halves->cuda.ptx.data()).find("add.f16"), std::string::npos);
  const auto matrix = compile(
      "#include <mma.h>\nusing namespace nvcuda;\n__global__ void k(float* p) {\n"
      "  wmma::fragment<wmma::accumulator, 16, 16, 16, float> c;\n"
      "  wmma::fragment<wmma::matrix_a, 16, 16, 16, __half, wmma::row_major> a;\n"
      "  wmma::fragment<wmma::matrix_b, 16, 16, 16, __half, wmma::col_major> b;\n"
      "  wmma::fill_fragment(c, 0.0f);\n"
      "  wmma::load_matrix_sync(a, reinterpret_cast<const __half*>(p), 16);\n"
      "  wmma::load_matrix_sync(b, reinterpret_cast<const __half*>(p), 16);\n"
      "  wmma::mma_sync(c, a, b, c);\n"
      "  wmma::store_matrix_sync(p, c, 16, wmma::mem_row_major);\n}");
  EXPECT_NE(std::string(matrix->cuda.ptx.data()).find("wmma.mma"), std::string::npos);
}

TEST_F(ProgramCudaHeaders, LibcuPlusPlus) {
  const auto module = compile(
      "#include <cuda/std/array>\n#include <cuda/atomic>\n"
      "__global__ void k(int* p) { cuda::std::array<int, 2> a{1, 2}; "
      "cuda::atomic_ref<int, cuda::thread_scope_device>(*p).fetch_add(a[1]); }");
  EXPECT_NE(std::string(module->cuda.ptx.data()).find("atom"), std::string::npos);
}

TEST_F(ProgramCudaHeaders, AreBuiltInToTheId) {
  EXPECT_EQ(headersVersion("__global__ void k() {}"), "");
  EXPECT_NE(headersVersion("#include <cuda_fp16.h>"), "");
}

TEST_F(ProgramCuda, AHeaderThatIsNotThere) {
  expectRefused({.name = "k", .cuda = "\n#include <no_such.h>\n__global__ void k(int* p) {}", .bindings = {"p"}},
                "line 2, column 21: ", Code::Compile, 2, 21);
}

TEST_F(ProgramCuda, Options) {
  const std::string source = "__global__ void k(float* p) { p[0] = p[1] / p[2] + N; }";
  const auto compile = [&](std::vector<std::string> options) {
    return compileKernel(
        {.name = "k", .cuda = source, .bindings = {"p"}, .cudaArch = 80, .cudaOptions = std::move(options)});
  };
  const auto ptx = [](const ModulePtr& module) { return std::string(module->cuda.ptx.data()); };
  const auto exact = compile({"-DN=1.5f"}), fast = compile({"--define-macro=N=1.5f", "--use_fast_math"});
  EXPECT_NE(ptx(exact).find("div.rn.f32"), std::string::npos) << ptx(exact);
  EXPECT_NE(ptx(fast).find("div.approx.ftz.f32"), std::string::npos) << ptx(fast);
  EXPECT_NE(exact->id, fast->id);
  EXPECT_EQ(*decodeModule(encodeModule(*fast)), *fast);
  // Each that may be given is one that NVRTC takes.
  compile({"-DN=0", "-UM", "--std=c++20", "--ftz=true", "--prec-sqrt=false", "-prec-div=false", "--fmad=false",
           "--extra-device-vectorization", "--restrict", "--maxrregcount=32", "--device-int128", "-lineinfo", "-w",
           "--diag-suppress=177"});
  compile({"--define-macro=N=0", "--undefine-macro=M", "-std=c++14", "-ftz=false", "-prec-sqrt=true", "--prec-div=true",
           "-fmad=true", "-extra-device-vectorization", "-restrict", "-maxrregcount=255", "-device-int128",
           "--generate-line-info", "--disable-warnings", "-diag-suppress=177", "-use_fast_math"});
}

TEST(ProgramCudaOptions, OnesThatMayNotBeGiven) {
  const auto refused = [](const std::string& option, const std::string& part) {
    try {
      checkSource(KernelSource{.name = "k", .cuda = "x", .bindings = {"p"}, .cudaOptions = {"-w", option}});
      ADD_FAILURE() << option << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_EQ(error.details.argument, "cudaOptions[1]");
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused("--nonsense", "there are: --define-macro, --undefine-macro, --std, --use_fast_math");
  refused("", "there are: ");
  refused("-I/etc", "the toolkit's headers are found without");
  refused("--include-path=/etc", "the toolkit's headers are found without");
  refused("--gpu-architecture=sm_90a", "cudaFeatures: 'architecture'");
  refused("-arch=sm_90", "cudaFeatures: 'architecture'");
  refused("-rdc=true", "not linked");
  refused("--ftz", "there are: ");
  refused("--ftz=maybe", "the value of --ftz must be true or false");
  refused("--std=c++11", "must be c++14, c++17 or c++20");
  refused("--maxrregcount=8", "from 16 to 255");
  refused("--maxrregcount=32x", "from 16 to 255");
  refused("--use_fast_math=true", "there are: ");
  refused("-D", "a name, or a name and =value");
  refused("-D=1", "a name, or a name and =value");
  refused("-D1A", "a name, or a name and =value");
  refused("-UA=1", "must be a name");
  refused("-DA=1\n-I/etc", "a line's end");
  refused(std::string("-DA=\0", 5), "a line's end or a NUL");
  refused("-DA=" + std::string(2000, 'x'), "longer than 1024 bytes");
  const auto fault = [](const KernelSource& source, const std::string& part) {
    try {
      checkSource(source);
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  fault({.name = "k", .cuda = "x", .bindings = {"p"}, .cudaOptions = std::vector<std::string>(65, "-w")},
        "there may be 64");
  fault({.name = "k", .cuda = "x", .bindings = {"p"}, .sharedBytes = (256 << 10) + 1}, "no card has more");
  fault({.name = "k", .glsl = "x", .cudaOptions = {"-w"}}, "no CUDA source");
  fault({.name = "k", .glsl = "x", .sharedBytes = 1}, "no CUDA source");
  fault({.name = "k", .glsl = "x", .cudaOwnFeatures = true}, "no CUDA source");
}

TEST_F(ProgramCuda, FeaturesOfAnArchitectureOfItsOwn) {
  // wgmma.fence exists on sm_90a alone.
  const std::string source = "__global__ void k(int* p) { asm volatile(\"wgmma.fence.sync.aligned;\"); *p = 1; }";
  const auto compile = [&](uint32_t arch, bool own) {
    return compileKernel({.name = "k", .cuda = source, .bindings = {"p"}, .cudaArch = arch, .cudaOwnFeatures = own});
  };
  const auto module = compile(90, true);
  EXPECT_TRUE(module->cuda.ptx.empty());  // other cards could not run it
  EXPECT_GT(module->cuda.cubin.size(), 4u);
  EXPECT_EQ(module->cuda.arch, 90u);
  EXPECT_EQ(*decodeModule(encodeModule(*module)), *module);
  expectRefused({.name = "k", .cuda = source, .bindings = {"p"}, .cudaArch = 90}, "wgmma", Code::Compile);
  expectRefused({.name = "k", .cuda = source, .bindings = {"p"}, .cudaArch = 80, .cudaOwnFeatures = true},
                "does not know sm_80a", Code::Unsupported);
}

TEST_F(ProgramCuda, DynamicSharedMemory) {
  const std::string source =
      "extern __shared__ float s[];\n__global__ void k(float* p) { s[threadIdx.x] = p[threadIdx.x]; __syncthreads(); "
      "p[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x]; }";
  const auto module = compileKernel({.name = "k", .cuda = source, .bindings = {"p"}, .sharedBytes = 100 << 10});
  EXPECT_EQ(module->cuda.sharedBytes, 100u << 10);
  EXPECT_EQ(*decodeModule(encodeModule(*module)), *module);
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
