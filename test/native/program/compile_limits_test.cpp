// Small sources that would cost a compiler much are refused, and sources changed at random do no harm.
#include <algorithm>
#include <random>

#include "compile_fixture.h"

namespace switchyard::test {
namespace {

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

}  // namespace
}  // namespace switchyard::test
